#include "token/tiktoken_file.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace etb::token {
namespace {

using family::TokenType;
using family::VocabData;
using family::VocabKind;

constexpr size_t kLlama3Ranks = 128'000, kLlama3Specials = 256;
constexpr size_t kMaxRanks = size_t{1} << 21;
// From id 128,000 on; then <|reserved_special_token_2|> to the end.
constexpr std::array<std::string_view, 12> kLlama3Names = {
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|step_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
    "<|image|>",
};

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// False if `text` is not whole groups of four with padding only at the end.
bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  if (text.empty() || text.size() % 4 != 0) return false;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const std::string_view digits = text.substr(0, text.size() - padding);
  uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : digits) {
    const int value = base64_value(c);
    if (value < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held);
  }
  return (bits & ((1u << held) - 1)) == 0;
}

struct Line {
  std::string_view bytes, rank;
};

// Takes the first line off `text`.
Line next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return {line, {}};
  return {line.substr(0, space), line.substr(space + 1)};
}

bool parse_rank(std::string_view text, uint32_t& rank) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, rank);
  return error == std::errc() && stop == end;
}

Status read_ranks(std::string_view text, family::TextList& tokens) {
  std::string bytes;
  for (size_t number = 1; !text.empty(); ++number) {
    const Line line = next_line(text);
    if (line.bytes.empty() && line.rank.empty()) continue;
    uint32_t rank = 0;
    const bool good = decode_base64(line.bytes, bytes) && parse_rank(line.rank, rank);
    if (!good || rank > tokens.size() + 4096 || rank >= kMaxRanks) {
      return Status(StatusCode::Corrupt,
                    concat("tokenizer.model: line ", number, " is no token and rank"));
    }
    if (rank < tokens.size() && !tokens[rank].empty()) {
      return Status(StatusCode::Corrupt,
                    concat("tokenizer.model: line ", number, " has a rank that was given before"));
    }
    tokens.set(rank, bytes);
  }
  for (size_t rank = 0; rank < tokens.size(); ++rank) {
    if (!tokens[rank].empty()) continue;
    return Status(StatusCode::Corrupt, concat("tokenizer.model: no token has the rank ", rank));
  }
  return {};
}

}  // namespace

bool looks_like_tiktoken(std::string_view text) {
  const Line line = next_line(text);
  std::string bytes;
  uint32_t rank = 0;
  return line.bytes.size() <= 4096 && decode_base64(line.bytes, bytes) &&
         parse_rank(line.rank, rank);
}

Result<VocabData> read_tiktoken(std::string_view text) {
  VocabData vocab;
  vocab.kind = VocabKind::RankedBytes;
  vocab.pre = "llama-bpe";
  ETB_RETURN_IF_ERROR(read_ranks(text, vocab.tokens));
  if (vocab.tokens.size() != kLlama3Ranks) {
    return Status(StatusCode::Unsupported,
                  concat("tokenizer.model: the special tokens of a tiktoken file with ",
                         vocab.tokens.size(), " tokens are not known (known: Llama 3's ",
                         kLlama3Ranks, "); use the model's tokenizer.json"));
  }
  vocab.types.assign(kLlama3Ranks, TokenType::Normal);
  for (size_t i = 0; i < kLlama3Specials; ++i) {
    vocab.tokens.push_back(i < kLlama3Names.size()
                               ? std::string(kLlama3Names[i])
                               : concat("<|reserved_special_token_", i - 10, "|>"));
  }
  vocab.types.resize(kLlama3Ranks + kLlama3Specials, TokenType::Control);
  const auto special = [](std::string_view name) {
    const auto* at = std::find(kLlama3Names.begin(), kLlama3Names.end(), name);
    return static_cast<TokenId>(kLlama3Ranks + static_cast<size_t>(at - kLlama3Names.begin()));
  };
  vocab.ids.bos = special("<|begin_of_text|>");
  vocab.ids.eos = special("<|end_of_text|>");
  vocab.ids.eot = special("<|eot_id|>");
  vocab.ids.eom = special("<|eom_id|>");
  vocab.ids.pad = special("<|finetune_right_pad_id|>");
  vocab.add_bos = true;
  return vocab;
}

}  // namespace etb::token
