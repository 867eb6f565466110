#include "engine/literal_marks.h"

#include <algorithm>

namespace etb {
namespace {

// U+FDD0 .. U+FDEF, noncharacters: never part of an interchanged text.
constexpr char32_t kFirst = 0xFDD0, kLast = 0xFDEF;
constexpr size_t kMarks = 3;

std::string utf8_of(char32_t code_point) {
  return {static_cast<char>(0xE0 | (code_point >> 12)),
          static_cast<char>(0x80 | ((code_point >> 6) & 0x3F)),
          static_cast<char>(0x80 | (code_point & 0x3F))};
}

std::vector<std::string_view> control_spellings(const token::Tokenizer& tokenizer) {
  std::vector<std::string_view> spellings;
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_control(id)) continue;
    const auto text = tokenizer.piece(id, {.special = true});
    if (text.ok() && !text->empty()) spellings.push_back(*text);
  }
  std::sort(spellings.begin(), spellings.end());
  return spellings;
}

}  // namespace

LiteralMarks::LiteralMarks(const token::Tokenizer& tokenizer, prompt::Marks characters)
    : tokenizer_(tokenizer),
      spellings_(control_spellings(tokenizer_)),
      characters_(characters),
      open_(utf8_of(characters.open)),
      close_(utf8_of(characters.close)),
      spare_(utf8_of(characters.spare)) {}

Result<LiteralMarks> LiteralMarks::create(const token::Tokenizer& tokenizer,
                                          const std::vector<prompt::Message>& messages,
                                          std::string_view more) {
  const auto unused = [&](const std::string& mark) {
    if (more.find(mark) != std::string_view::npos) return false;
    return std::none_of(messages.begin(), messages.end(), [&](const prompt::Message& message) {
      return (message.content + message.role + message.reasoning + message.fields).find(mark) !=
             std::string::npos;
    });
  };
  std::vector<char32_t> marks;
  for (char32_t code_point = kFirst; code_point <= kLast && marks.size() < kMarks; ++code_point) {
    if (unused(utf8_of(code_point))) marks.push_back(code_point);
  }
  if (marks.size() < kMarks) {
    return Status(StatusCode::InvalidArgument,
                  "the messages hold all Unicode noncharacters from U+FDD0 to U+FDEF: remove one");
  }
  return LiteralMarks(tokenizer, {.open = marks[0], .close = marks[1], .spare = marks[2]});
}

size_t LiteralMarks::longest_spelling_at(std::string_view content, size_t at) const {
  const std::string_view rest = content.substr(at);
  const auto same_first = [](std::string_view a, std::string_view b) {
    return static_cast<unsigned char>(a[0]) <
           static_cast<unsigned char>(b[0]);  // as they are sorted
  };
  const auto [from, to] = std::equal_range(spellings_.begin(), spellings_.end(), rest, same_first);
  size_t longest = 0;
  for (auto it = from; it != to; ++it) {
    if (rest.starts_with(*it)) longest = std::max(longest, it->size());
  }
  return longest;
}

std::string LiteralMarks::mark(std::string_view content) const {
  std::string out;
  for (size_t at = 0; at < content.size();) {
    const size_t length = longest_spelling_at(content, at);
    if (length == 0) {
      out += content[at++];
      continue;
    }
    out += open_;
    out += content.substr(at, length);
    out += close_;
    at += length;
  }
  return out;
}

std::vector<token::TextPart> LiteralMarks::split(std::string_view text) const {
  std::vector<token::TextPart> parts;
  bool literal = false;
  while (true) {
    // Either mark ends the part: a template that cuts a message in two leaves one of a pair behind.
    const size_t next = std::min(text.find(open_), text.find(close_));
    if (const std::string_view part = text.substr(0, next); !part.empty()) {
      parts.push_back({.text = part, .parse_special = !literal});
    }
    if (next == std::string_view::npos) return parts;
    literal = text.substr(next).starts_with(open_);
    text.remove_prefix(next + open_.size());
  }
}

}  // namespace etb
