// make_gguf: writes a GGUF model with random weights, for tests of size and speed.
//   make_gguf OUT.gguf [shape=smollm2-135m|llama-3.2-1b|..] [key=value ..]
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/text.h"
#include "platform/atomic_file.h"
#include "support/random_gguf.h"

namespace etb::test {
namespace {

struct NamedShape {
  std::string_view name;
  std::string_view architecture;
  uint32_t layers, width, ffn, heads, kv_heads, head_dim, vocab, context;
  float rope_base;
};
constexpr NamedShape kShapes[] = {
    {"tiny", "llama", 2, 64, 96, 4, 2, 16, 320, 512, 10000},
    {"smollm2-135m", "llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, 100000},
    {"llama-3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 500000},
    {"llama-3.2-3b", "llama", 28, 3072, 8192, 24, 8, 128, 128256, 131072, 500000},
    {"gemma3-270m", "gemma3", 18, 640, 2048, 4, 1, 256, 262144, 32768, 1000000},
    {"phi4-mini", "phi3", 32, 3072, 8192, 24, 8, 128, 200064, 131072, 10000},
};

struct NumberKey {
  std::string_view name;
  uint32_t RandomGgufSpec::*member;
};
constexpr NumberKey kNumbers[] = {
    {"layers", &RandomGgufSpec::layers},     {"width", &RandomGgufSpec::width},
    {"ffn", &RandomGgufSpec::ffn},           {"heads", &RandomGgufSpec::heads},
    {"kv_heads", &RandomGgufSpec::kv_heads}, {"head_dim", &RandomGgufSpec::head_dim},
    {"vocab", &RandomGgufSpec::vocab},       {"context", &RandomGgufSpec::context},
};

bool read_type(std::string_view name, layout::GgmlType& out) {
  for (const layout::BlockInfo& info : layout::all_block_infos()) {
    if (info.name == name) {
      out = info.type;
      return true;
    }
  }
  return false;
}

template <class N>
bool read_number(std::string_view text, N& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool apply_shape(std::string_view name, RandomGgufSpec& spec) {
  for (const NamedShape& s : kShapes) {
    if (s.name != name) continue;
    spec.architecture = s.architecture;
    spec.name = concat("Random ", s.name);
    spec.layers = s.layers;
    spec.width = s.width;
    spec.ffn = s.ffn;
    spec.heads = s.heads;
    spec.kv_heads = s.kv_heads;
    spec.head_dim = s.head_dim;
    spec.vocab = s.vocab;
    spec.context = s.context;
    spec.rope_base = s.rope_base;
    return true;
  }
  return false;
}

bool apply(std::string_view key, std::string_view value, RandomGgufSpec& spec) {
  for (const NumberKey& number : kNumbers) {
    if (number.name == key) return read_number(value, spec.*number.member);
  }
  if (key == "shape") return apply_shape(value, spec);
  if (key == "seed") return read_number(value, spec.seed);
  if (key == "rope_base") return read_number(value, spec.rope_base);
  if (key == "matrices") return read_type(value, spec.matrices);
  if (key == "embedding") return read_type(value, spec.embedding);
  if (key == "architecture" || key == "name" || key == "pre") {
    (key == "name" ? spec.name : key == "pre" ? spec.pre : spec.architecture) = value;
    return true;
  }
  if (key == "own_head") {
    spec.own_head = value == "1";
    return value == "0" || value == "1";
  }
  if (key == "rope_freqs") {
    spec.rope_factors.clear();
    if (value == "1") spec.rope_factors.push_back("rope_freqs");
    return value == "0" || value == "1";
  }
  if (key == "tokenizer") {
    spec.tokenizer = value == "spm" ? RandomVocab::SentencePiece : RandomVocab::Bpe;
    return value == "spm" || value == "bpe";
  }
  // Anything else is a tensor's short or full name: attn_v=Q6_K, blk.3.ffn_down=F16.
  return read_type(value, spec.types[std::string(key)]);
}

void usage() {
  std::string shapes;
  for (const NamedShape& s : kShapes) shapes += concat(" ", s.name);
  std::fprintf(stderr,
               "make_gguf OUT.gguf [key=value ...]\n"
               "  shape: one of%s\n"
               "  architecture layers width ffn heads kv_heads head_dim vocab context rope_base\n"
               "  matrices, embedding, or a tensor's name: a block type (Q4_1, Q6_K, F16, ...)\n"
               "  own_head=0|1 rope_freqs=0|1 tokenizer=bpe|spm pre name seed\n",
               shapes.c_str());
}

Status write_file(const std::string& path, const RandomGgufSpec& spec) {
  ETB_ASSIGN_OR_RETURN(AtomicFile out, AtomicFile::create(path));
  ETB_RETURN_IF_ERROR(
      write_random_gguf(spec, [&out](std::string_view piece) { return out.write(piece); }));
  return out.commit();
}

int run(int count, char** arguments) {
  RandomGgufSpec spec;
  for (int i = 2; i < count; ++i) {
    const std::string_view argument = arguments[i];
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos ||
        !apply(argument.substr(0, equals), argument.substr(equals + 1), spec)) {
      std::fprintf(stderr, "make_gguf: '%s' is not understood\n", arguments[i]);
      return 2;
    }
  }
  const Status status = write_file(arguments[1], spec);
  if (!status.ok()) std::fprintf(stderr, "make_gguf: %s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace etb::test

int main(int count, char** arguments) {
  if (count < 2 || std::string_view(arguments[1]).starts_with("-")) {
    etb::test::usage();
    return 2;
  }
  return etb::test::run(count, arguments);
}
