#include "token/tokenizer_file.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "token/json_reader.h"
#include "token/sentencepiece_file.h"
#include "token/tiktoken_file.h"
#include "token/tokenizer_json.h"

namespace etb::token {
namespace {

using family::VocabData;

constexpr size_t kSideFileLimit = size_t{16} << 20;   // bytes; real ones have up to 1.2 million
constexpr size_t kMainFileLimit = size_t{512} << 20;  // real ones have up to 35 million
constexpr std::array<std::string_view, 4> kMainFiles = {"tokenizer.json", "tokenizer.model",
                                                        "spiece.model", "sentencepiece.bpe.model"};

Status bad(StatusCode code, std::string_view file, std::string_view what) {
  return Status(code, concat(file, ": ", what));
}

Result<JsonValue> parse(std::string_view text, std::string_view file) {
  JsonReader reader(text);
  JsonValue value;
  reader.read_value(value);
  if (!reader.finish()) return reader.status().with_context(file);
  if (value.kind != JsonValue::Kind::Object) {
    return bad(StatusCode::Corrupt, file, "an object is expected");
  }
  return value;
}

// One side file after the other, over what the main file says.
class SideReader {
 public:
  explicit SideReader(TokenizerFiles& files) : files_(files), vocab_(files.vocab) {}

  Status run(const SideFiles& side) {
    if (!side.tokenizer_config.empty()) ETB_RETURN_IF_ERROR(read_config(side.tokenizer_config));
    if (!side.template_json.empty()) {
      constexpr std::string_view kFile = "chat_template.json";
      ETB_ASSIGN_OR_RETURN(const JsonValue json, parse(side.template_json, kFile));
      ETB_RETURN_IF_ERROR(read_templates(json["chat_template"], kFile));
    }
    if (!side.template_jinja.empty()) files_.chat_template = side.template_jinja;
    if (!side.generation_config.empty()) {
      ETB_RETURN_IF_ERROR(read_generation(side.generation_config));
    }
    for (const auto& id : {vocab_.ids.eos, vocab_.ids.eot, vocab_.ids.eom}) {
      if (id) files_.eos_ids.push_back(*id);
    }
    std::ranges::sort(files_.eos_ids);
    files_.eos_ids.erase(std::unique(files_.eos_ids.begin(), files_.eos_ids.end()),
                         files_.eos_ids.end());
    return {};
  }

 private:
  Status read_config(const std::string& text) {
    constexpr std::string_view kFile = "tokenizer_config.json";
    ETB_ASSIGN_OR_RETURN(const JsonValue json, parse(text, kFile));
    ETB_RETURN_IF_ERROR(read_role(json, "bos_token", vocab_.ids.bos));
    ETB_RETURN_IF_ERROR(read_role(json, "eos_token", vocab_.ids.eos));
    ETB_RETURN_IF_ERROR(read_role(json, "pad_token", vocab_.ids.pad));
    ETB_RETURN_IF_ERROR(read_flag(json, "add_bos_token", vocab_.add_bos));
    ETB_RETURN_IF_ERROR(read_flag(json, "add_eos_token", vocab_.add_eos));
    vocab_.add_bos &= vocab_.ids.bos.has_value();
    vocab_.add_eos &= vocab_.ids.eos.has_value();
    return read_templates(json["chat_template"], kFile);
  }

  // "text" or {"content": "text", ...}; null leaves what the main file says.
  Status read_role(const JsonValue& json, std::string_view key, std::optional<TokenId>& out) {
    const JsonValue& value = json[key];
    if (value.is_null()) return {};
    const JsonValue& text = value.is_string() ? value : value["content"];
    if (!text.is_string()) {
      return bad(StatusCode::Corrupt, "tokenizer_config.json", concat(key, " is ", value.shown()));
    }
    const size_t found = vocab_.tokens.find(text.text);
    if (found != vocab_.tokens.size() && !text.text.empty()) {
      out = static_cast<TokenId>(found);
      return {};
    }
    // Padding is for training; a tokenizer works without.
    if (key == "pad_token") return {};
    return bad(StatusCode::Corrupt, "tokenizer_config.json",
               concat(key, " ", text.shown(), " is not in the vocabulary"));
  }

  static Status read_flag(const JsonValue& json, std::string_view key, bool& out) {
    const JsonValue& value = json[key];
    if (value.is_null()) return {};
    if (value.kind != JsonValue::Kind::Bool) {
      return bad(StatusCode::Corrupt, "tokenizer_config.json", concat(key, " is ", value.shown()));
    }
    out = value.boolean;
    return {};
  }

  // "text" or [{"name": ..., "template": ...}, ...]
  Status read_templates(const JsonValue& json, std::string_view file) {
    if (json.is_null()) return {};
    if (json.is_string()) {
      files_.chat_template = json.text;
      return {};
    }
    files_.named_templates.clear();
    for (const JsonValue& item : json.items) {
      const JsonValue& name = item["name"];
      const JsonValue& text = item["template"];
      if (!name.is_string() || !text.is_string()) break;
      if (name.text == "default") {
        files_.chat_template = text.text;
      } else {
        files_.named_templates.emplace_back(name.text, text.text);
      }
    }
    if (json.kind == JsonValue::Kind::Array && !json.items.empty() &&
        json.items.back()["template"].is_string()) {
      return {};
    }
    return bad(StatusCode::Corrupt, file, concat("chat_template is ", json.shown()));
  }

  Status read_generation(const std::string& text) {
    constexpr std::string_view kFile = "generation_config.json";
    ETB_ASSIGN_OR_RETURN(const JsonValue json, parse(text, kFile));
    const JsonValue& eos = json["eos_token_id"];
    if (eos.is_null()) return {};
    const std::vector<JsonValue> single = {eos};
    for (const JsonValue& id : eos.kind == JsonValue::Kind::Array ? eos.items : single) {
      const bool fits = id.kind == JsonValue::Kind::Number && id.number >= 0 &&
                        id.number < static_cast<double>(vocab_.tokens.size());
      if (!fits || id.number != static_cast<double>(static_cast<TokenId>(id.number))) {
        return bad(StatusCode::Corrupt, kFile,
                   concat("eos_token_id ", id.shown(), " is not one of the ", vocab_.tokens.size(),
                          " ids"));
      }
      files_.eos_ids.push_back(static_cast<TokenId>(id.number));
    }
    return {};
  }

  TokenizerFiles& files_;
  VocabData& vocab_;
};

// Empty if there is no such file.
Result<std::string> read_beside(const std::string& folder, std::string_view name) {
  auto text = read_text_file(join_path(folder, name), kSideFileLimit);
  if (!text.ok() && text.status().code() == StatusCode::NotFound) return std::string();
  return text;
}

}  // namespace

Result<std::string> find_tokenizer(const std::string& folder) {
  std::string names;
  for (const std::string_view name : kMainFiles) {
    std::string path = join_path(folder, name);
    if (file_identity(path).ok()) return path;
    names += concat(names.empty() ? "" : ", ", name);
  }
  return Status(StatusCode::NotFound,
                concat(folder, ": no tokenizer in this folder; looked for ", names));
}

Result<VocabData> read_tokenizer(std::string_view bytes) {
  const size_t first = bytes.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first != std::string_view::npos && bytes[first] == '{') return read_tokenizer_json(bytes);
  if (looks_like_tiktoken(bytes)) return read_tiktoken(bytes);
  if (bytes.starts_with('\n')) return read_sentencepiece(bytes);
  return Status(StatusCode::Unsupported,
                "this is no tokenizer file: neither JSON, nor lines of base64 and rank, nor a "
                "SentencePiece model");
}

Status apply_side_files(const SideFiles& side, TokenizerFiles& files) {
  return SideReader(files).run(side);
}

Result<TokenizerSource> open_source(const std::string& path) {
  TokenizerSource source{.path = path, .main = nullptr, .side = {}};
  if (is_folder(path)) {
    ETB_ASSIGN_OR_RETURN(source.path, find_tokenizer(path));
  }
  ETB_ASSIGN_OR_RETURN(source.main, MappedFile::open(source.path));
  if (source.main->bytes().size() > kMainFileLimit) {
    return bad(StatusCode::Unsupported, source.path, "larger than any tokenizer");
  }
  const std::string folder(folder_of(source.path));
  SideFiles& side = source.side;
  ETB_ASSIGN_OR_RETURN(side.tokenizer_config, read_beside(folder, "tokenizer_config.json"));
  ETB_ASSIGN_OR_RETURN(side.generation_config, read_beside(folder, "generation_config.json"));
  ETB_ASSIGN_OR_RETURN(side.template_json, read_beside(folder, "chat_template.json"));
  ETB_ASSIGN_OR_RETURN(side.template_jinja, read_beside(folder, "chat_template.jinja"));
  return source;
}

Result<TokenizerFiles> read_source(const TokenizerSource& source) {
  TokenizerFiles files;
  files.path = source.path;
  const auto bytes = source.main->bytes();
  auto vocab = read_tokenizer({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!vocab.ok()) return vocab.status().with_context(source.path);
  files.vocab = std::move(vocab).value();
  const Status applied = apply_side_files(source.side, files);
  if (!applied.ok()) return applied.with_context(folder_of(source.path));
  return files;
}

Result<TokenizerFiles> open_tokenizer(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const TokenizerSource source, open_source(path));
  return read_source(source);
}

}  // namespace etb::token
