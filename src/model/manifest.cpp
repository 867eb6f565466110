// The manifest's limits and its text form. One table of fields serves writing and reading, so the
// two cannot drift apart.
#include "model/manifest.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace etb::model {
namespace {

constexpr uint64_t kMaxTensors = 65536;
constexpr uint32_t kMaxLayers = 1024;
constexpr size_t kMaxStopIds = 256;
constexpr size_t kMaxText = 4096;
constexpr uint32_t kMaxContext = 1u << 26;
constexpr double kSmallestSoftcap = 1e-3;  // what the kernels divide by
constexpr uint32_t kMaxChunk = 4096;

std::string_view activation_name(Activation activation) {
  return activation == Activation::Silu ? "silu" : "gelu_tanh";
}

struct CountField {
  const char* key;
  uint32_t ModelShape::*member;
  uint32_t min;
  uint32_t max;
};
// What the kernels take (head_dim, n_rot: kernels/paths/table.h), and no product of two counts
// beyond 64 bits.
constexpr std::array<CountField, 10> kCounts = {{
    {"layers", &ModelShape::layers, 1, kMaxLayers},
    {"width", &ModelShape::width, 32, 1 << 18},
    {"ffn", &ModelShape::ffn, 32, 1 << 20},
    {"heads", &ModelShape::heads, 1, 4096},
    {"kv_heads", &ModelShape::kv_heads, 1, 4096},
    {"head_dim", &ModelShape::head_dim, 16, 512},
    {"n_rot", &ModelShape::n_rot, 2, 512},
    {"vocab", &ModelShape::vocab, 1, 1 << 22},
    {"context_train", &ModelShape::context_train, 1, 1 << 26},
    {"rope_original_context", &ModelShape::rope_original_context, 0, 1 << 26},
}};

struct RealField {
  const char* key;
  double ModelShape::*member;
  double min;
  double max;
};
constexpr std::array<RealField, 7> kReals = {{
    {"eps", &ModelShape::eps, 0, 1},
    {"rope_base", &ModelShape::rope_base, 1, 1e12},
    {"rope_magnitude", &ModelShape::rope_magnitude, 1e-6, 1e6},
    {"embed_scale", &ModelShape::embed_scale, 1e-6, 1e6},
    {"attention_scale", &ModelShape::attention_scale, 1e-9, 1e6},
    {"attention_softcap", &ModelShape::attention_softcap, 0, 1e6},
    {"final_softcap", &ModelShape::final_softcap, 0, 1e6},
}};

std::string plain_number(double value) {
  char number[32];
  std::snprintf(number, sizeof(number), "%.9g", value);
  return number;
}

Status out_of_limits(std::string_view field, double value, std::string_view limit) {
  return Status(StatusCode::InvalidArgument,
                concat("manifest: ", field, " = ", plain_number(value),
                       " is outside what this version can run (", limit, ")"));
}

std::string from_to(double min, double max) {
  return concat("from ", plain_number(min), " to ", plain_number(max));
}

// Free text is one line of printable characters, so that it cannot forge another line.
bool is_plain_line(std::string_view text) {
  return text.size() <= kMaxText && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

// What a field must be besides within its range.
Status check_multiples(const ModelShape& shape) {
  if (shape.width % 32 != 0) return out_of_limits("width", shape.width, "a multiple of 32");
  if (shape.ffn % 32 != 0) return out_of_limits("ffn", shape.ffn, "a multiple of 32");
  if (shape.head_dim % 16 != 0) {
    return out_of_limits("head_dim", shape.head_dim, "a multiple of 16");
  }
  if (shape.n_rot % 2 != 0 || shape.n_rot > shape.head_dim) {
    return out_of_limits("n_rot", shape.n_rot, concat("even, at most head_dim ", shape.head_dim));
  }
  if (shape.heads % shape.kv_heads != 0) {
    return out_of_limits("kv_heads", shape.kv_heads, concat("a divisor of heads ", shape.heads));
  }
  const uint64_t q_width = uint64_t{shape.heads} * shape.head_dim;
  if (q_width > (1u << 20) || q_width % 32 != 0) {
    return out_of_limits("heads x head_dim", static_cast<double>(q_width),
                         "a multiple of 32, at most 1048576");
  }
  return {};
}

Status check_shape(const ModelShape& shape) {
  for (const CountField& field : kCounts) {
    const uint32_t value = shape.*field.member;
    if (value < field.min || value > field.max) {
      return out_of_limits(field.key, value, from_to(field.min, field.max));
    }
  }
  for (const RealField& field : kReals) {
    const double value = shape.*field.member;
    if (!(value >= field.min && value <= field.max)) {
      return out_of_limits(field.key, value, from_to(field.min, field.max));
    }
  }
  for (const double cap : {shape.attention_softcap, shape.final_softcap}) {
    if (cap != 0 && cap < kSmallestSoftcap) {
      return out_of_limits("softcap", cap, concat("0, or at least ", plain_number(1e-3)));
    }
  }
  if (!shape.windows.empty() && shape.windows.size() != shape.layers) {
    return out_of_limits("count of windows", static_cast<double>(shape.windows.size()),
                         concat("one for each of ", shape.layers, " layers"));
  }
  for (const uint32_t window : shape.windows) {
    if (window > kMaxContext) return out_of_limits("windows", window, from_to(0, kMaxContext));
  }
  return check_multiples(shape);
}

Status check_tokens(const Manifest& m) {
  if (m.tokens.stop.size() > kMaxStopIds) {
    return out_of_limits("count of stop ids", static_cast<double>(m.tokens.stop.size()),
                         from_to(0, kMaxStopIds));
  }
  const std::string ids = concat("below vocab ", m.shape.vocab);
  for (const TokenId id : m.tokens.stop) {
    if (id >= m.shape.vocab) return out_of_limits("stop id", id, ids);
  }
  if (m.tokens.bos && *m.tokens.bos >= m.shape.vocab) {
    return out_of_limits("bos", *m.tokens.bos, ids);
  }
  if (m.tokens.eos && *m.tokens.eos >= m.shape.vocab) {
    return out_of_limits("eos", *m.tokens.eos, ids);
  }
  if (m.tokens.add_bos && !m.tokens.bos) {
    return out_of_limits("add_bos", 1, "0 if there is no bos");
  }
  return {};
}

Status check_tensors(const Manifest& m) {
  if (m.tensors.size() > kMaxTensors) {
    return out_of_limits("tensor count", static_cast<double>(m.tensors.size()),
                         from_to(0, kMaxTensors));
  }
  uint64_t end = 0;
  std::vector<std::string_view> names;
  for (const TensorEntry& t : m.tensors) {
    const auto bad = [&t](std::string_view what) {
      return Status(StatusCode::InvalidArgument, concat("manifest: tensor '", t.name, "' ", what));
    };
    if (!is_word(t.name) || !is_word(t.format)) return bad("has an unreadable name or format");
    if (t.rows == 0 || t.cols == 0 || t.rows > (1u << 24) || t.cols > (1u << 24)) {
      return bad("has a size out of limits");
    }
    if (t.is_vector() && (t.rows != 1 || t.bytes != t.cols * 4)) {
      return bad("is a vector whose bytes do not fit its size");
    }
    if (t.offset % 64 != 0 || t.offset < end) return bad("overlaps or is not aligned to 64");
    if (t.bytes == 0 || t.offset > m.constant_bytes || t.bytes > m.constant_bytes - t.offset) {
      return bad("lies outside the constant segment");
    }
    end = t.offset + t.bytes;
    names.push_back(t.name);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return {};
  return Status(StatusCode::InvalidArgument,
                concat("manifest: tensor '", *twice, "' occurs twice"));
}

void put_real(std::string& out, std::string_view key, double value) {
  char number[40];
  // Shortest text that reads back to the same double, whatever the locale.
  const auto end = std::to_chars(number, number + sizeof(number), value).ptr;
  out += concat(key, " ", std::string_view(number, static_cast<size_t>(end - number)), "\n");
}

// Nothing for an empty list.
void put_list(std::string& out, std::string_view key, std::span<const uint32_t> values) {
  if (values.empty()) return;
  out += key;
  for (const uint32_t value : values) out += concat(" ", value);
  out += '\n';
}

// ---- reading ------------------------------------------------------------------------------------

template <class N>
bool read_number(std::string_view text, N& out, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool read_real(std::string_view text, double& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

bool read_hash(std::string_view text, uint64_t& out) {
  return text.size() == 16 && read_number(text, out, 16);
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    words.push_back(text.substr(0, space));
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  return words;
}

bool read_tensor(std::string_view text, std::vector<TensorEntry>& out) {
  const auto w = split_words(text);
  TensorEntry t;
  if (w.size() != 7 || out.size() >= kMaxTensors) return false;
  t.name = w[0];
  t.format = w[1];
  if (!read_number(w[2], t.rows) || !read_number(w[3], t.cols) || !read_number(w[4], t.offset) ||
      !read_number(w[5], t.bytes) || !read_hash(w[6], t.checksum)) {
    return false;
  }
  out.push_back(std::move(t));
  return true;
}

bool read_optional_id(std::string_view text, std::optional<TokenId>& out) {
  TokenId id = 0;
  if (!read_number(text, id)) return false;
  out = id;
  return true;
}

bool read_stop_ids(std::string_view text, std::vector<TokenId>& out) {
  for (const std::string_view word : split_words(text)) {
    TokenId id = 0;
    if (out.size() >= kMaxStopIds || !read_number(word, id)) return false;
    out.push_back(id);
  }
  return true;
}

bool read_windows(std::string_view text, std::vector<uint32_t>& out) {
  for (const std::string_view word : split_words(text)) {
    uint32_t window = 0;
    if (out.size() >= kMaxLayers || !read_number(word, window)) return false;
    out.push_back(window);
  }
  return !out.empty();
}

bool read_flag(std::string_view text, bool& out) {
  out = text == "1";
  return text == "1" || text == "0";
}

bool read_kv_type(std::string_view text, KvType& out) {
  out = KvType::F16;
  return text == "f16";
}

bool read_activation(std::string_view text, Activation& out) {
  out = text == "gelu_tanh" ? Activation::GeluTanh : Activation::Silu;
  return text == "gelu_tanh" || text == "silu";
}

bool read_line_text(std::string_view text, std::string& out) {
  out = text;
  return is_plain_line(text);
}

// The fields that are not in kCounts or kReals. False: the value does not read; nullopt: no such
// key.
std::optional<bool> read_other(Manifest& m, std::string_view key, std::string_view value) {
  if (key == "family") return read_line_text(value, m.family) && is_word(value);
  if (key == "name") return read_line_text(value, m.name);
  if (key == "source_type") return read_line_text(value, m.source_type);
  if (key == "source_hash") return read_hash(value, m.source_hash);
  if (key == "source_bytes") return read_number(value, m.source_bytes);
  if (key == "tokenizer_hash") return read_hash(value, m.tokenizer_hash);
  if (key == "template_hash") return read_hash(value, m.template_hash);
  if (key == "windows") return read_windows(value, m.shape.windows);
  if (key == "activation") return read_activation(value, m.shape.activation);
  if (key == "context") return read_number(value, m.defaults.context);
  if (key == "chunk") return read_number(value, m.defaults.chunk);
  if (key == "kv_type") return read_kv_type(value, m.defaults.kv_type);
  if (key == "bos") return read_optional_id(value, m.tokens.bos);
  if (key == "eos") return read_optional_id(value, m.tokens.eos);
  if (key == "stop") return read_stop_ids(value, m.tokens.stop);
  if (key == "add_bos") return read_flag(value, m.tokens.add_bos);
  if (key == "constant_bytes") return read_number(value, m.constant_bytes);
  return std::nullopt;
}

std::optional<bool> read_field(Manifest& m, std::string_view key, std::string_view value) {
  if (key == "tensor") return read_tensor(value, m.tensors);
  for (const CountField& field : kCounts) {
    if (key == field.key) return read_number(value, m.shape.*field.member);
  }
  for (const RealField& field : kReals) {
    if (key == field.key) return read_real(value, m.shape.*field.member);
  }
  return read_other(m, key, value);
}

// windows, bos, eos and stop may be absent; these may not, nor may those of the two tables above.
constexpr std::array<std::string_view, 13> kRequiredKeys = {
    "family",         "name",          "source_type",   "source_hash", "source_bytes",
    "tokenizer_hash", "template_hash", "activation",    "context",     "chunk",
    "kv_type",        "add_bos",       "constant_bytes"};

Status check_keys(std::vector<std::string_view> seen) {
  std::ranges::sort(seen);
  const auto twice = std::ranges::adjacent_find(seen);
  if (twice != seen.end()) {
    return Status(StatusCode::Corrupt, concat("manifest: key '", *twice, "' occurs twice"));
  }
  std::vector<std::string_view> wanted(kRequiredKeys.begin(), kRequiredKeys.end());
  for (const CountField& field : kCounts) wanted.emplace_back(field.key);
  for (const RealField& field : kReals) wanted.emplace_back(field.key);
  for (const std::string_view key : wanted) {
    if (!std::ranges::binary_search(seen, key)) {
      return Status(StatusCode::Corrupt, concat("manifest: key '", key, "' is missing"));
    }
  }
  return {};
}

std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

Status check_first_line(std::string_view line) {
  constexpr std::string_view kFirst = "etb.manifest ";
  uint32_t version = 0;
  if (!line.starts_with(kFirst) || !read_number(line.substr(kFirst.size()), version)) {
    return Status(StatusCode::Corrupt, "manifest: its first line is not 'etb.manifest VERSION'");
  }
  if (version == kManifestVersion) return {};
  return Status(StatusCode::Unsupported,
                concat("manifest version ", version, " is not known (this build knows ",
                       kManifestVersion, "): import the model again"));
}

}  // namespace

std::string_view kv_type_name(KvType type) {
  if (type == KvType::AsExported) return "as exported";
  return type == KvType::F16 ? "f16" : "unknown";
}

const TensorEntry* Manifest::find(std::string_view tensor) const {
  const auto at = std::ranges::find(tensors, tensor, &TensorEntry::name);
  return at == tensors.end() ? nullptr : &*at;
}

uint32_t padded_context(uint32_t context) {
  return (context + kContextAlign - 1) / kContextAlign * kContextAlign;
}

uint64_t kv_bytes_per_token(const ModelShape& shape, KvType) {
  return uint64_t{shape.layers} * shape.kv_heads * shape.head_dim * 2 * sizeof(uint16_t);
}

uint64_t kv_bytes(const ModelShape& shape, KvType type, uint32_t context) {
  return kv_bytes_per_token(shape, type) * padded_context(context);
}

Status validate(const Manifest& m) {
  if (m.version != kManifestVersion) {
    return out_of_limits("version", m.version, concat("it must be ", kManifestVersion));
  }
  if (!is_word(m.family) || !is_plain_line(m.name) || !is_plain_line(m.source_type)) {
    return Status(StatusCode::InvalidArgument,
                  "manifest: family, name or source_type is not one line of text");
  }
  ETB_RETURN_IF_ERROR(check_shape(m.shape));
  const ProgramDefaults& d = m.defaults;
  if (d.context == 0 || d.context > kMaxContext) {
    return out_of_limits("context", d.context, from_to(1, kMaxContext));
  }
  if (d.chunk == 0 || d.chunk > kMaxChunk) {
    return out_of_limits("chunk", d.chunk, from_to(1, kMaxChunk));
  }
  if (d.kv_type != KvType::F16) {
    return out_of_limits("kv_type", static_cast<double>(d.kv_type), "0, which is f16");
  }
  ETB_RETURN_IF_ERROR(check_tokens(m));
  return check_tensors(m);
}

std::string serialize(const Manifest& m) {
  std::string out = concat("etb.manifest ", m.version, "\n");
  const auto put = [&out](std::string_view key, const auto& value) {
    out += concat(key, " ", value, "\n");
  };
  put("family", m.family);
  put("name", m.name);
  put("source_type", m.source_type);
  put("source_hash", hex(m.source_hash));
  put("source_bytes", m.source_bytes);
  put("tokenizer_hash", hex(m.tokenizer_hash));
  put("template_hash", hex(m.template_hash));
  for (const CountField& field : kCounts) put(field.key, m.shape.*field.member);
  for (const RealField& field : kReals) put_real(out, field.key, m.shape.*field.member);
  put_list(out, "windows", m.shape.windows);
  put("activation", activation_name(m.shape.activation));
  put("context", m.defaults.context);
  put("chunk", m.defaults.chunk);
  put("kv_type", kv_type_name(m.defaults.kv_type));
  if (m.tokens.bos) put("bos", *m.tokens.bos);
  if (m.tokens.eos) put("eos", *m.tokens.eos);
  put_list(out, "stop", m.tokens.stop);
  put("add_bos", m.tokens.add_bos ? 1 : 0);
  put("constant_bytes", m.constant_bytes);
  for (const TensorEntry& t : m.tensors) {
    out += concat("tensor ", t.name, " ", t.format, " ", t.rows, " ", t.cols, " ", t.offset, " ",
                  t.bytes, " ", hex(t.checksum), "\n");
  }
  return seal_manifest(out);
}

std::string seal_manifest(std::string_view lines) {
  return concat(lines, "end ", hex(XXH3_64bits(lines.data(), lines.size())), "\n");
}

Result<Manifest> parse_manifest(std::string_view text) {
  const std::string_view whole = text;
  ETB_RETURN_IF_ERROR(check_first_line(take_line(text)));
  Manifest m;
  std::vector<std::string_view> seen;
  bool ended = false;
  for (size_t number = 2; !text.empty() && !ended; ++number) {
    const size_t start = whole.size() - text.size();
    const std::string_view line = take_line(text);
    ended = line.starts_with("end ");
    if (ended) {
      if (concat(line, "\n") == seal_manifest(whole.substr(0, start)).substr(start)) break;
      return Status(StatusCode::Corrupt, "manifest: its lines do not match their checksum");
    }
    const size_t space = line.find(' ');
    const std::string_view key = line.substr(0, space);
    const std::string_view value =
        space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    const std::optional<bool> read = read_field(m, key, value);
    if (!read.has_value() || !*read) {
      return Status(StatusCode::Corrupt,
                    concat("manifest line ", number, ": ", read ? "the value of '" : "key '",
                           is_word(key) ? key : "?", read ? "' does not read" : "' is not known"));
    }
    if (key != "tensor") seen.push_back(key);
    if (seen.size() > 64) break;  // more than there are keys: one stands twice
  }
  ETB_RETURN_IF_ERROR(check_keys(std::move(seen)));
  if (!ended || !text.empty()) {
    return Status(StatusCode::Corrupt, "manifest: it is cut short or goes on after its end");
  }
  if (const Status checked = validate(m); !checked.ok()) {
    return Status(StatusCode::Corrupt, std::string(checked.message()));
  }
  return m;
}

}  // namespace etb::model
