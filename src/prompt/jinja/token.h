// Tokens of a template: text outside tags, and words, literals and signs inside them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "prompt/jinja/limits.h"

namespace etb::prompt::jinja {

enum class TokenKind : uint8_t {
  Text,           // outside every tag, whitespace control already applied
  VariableBegin,  // {{
  VariableEnd,
  BlockBegin,  // {%
  BlockEnd,
  Name,
  String,   // text: unescaped
  Integer,  // text: digits, base prefix kept, no underscores
  Float,
  Sign,  // text: the operator
  End
};

struct Token {
  TokenKind kind = TokenKind::End;
  uint32_t line = 1;
  std::string text;

  bool is_sign(std::string_view sign) const { return kind == TokenKind::Sign && text == sign; }
  bool is_name(std::string_view name) const { return kind == TokenKind::Name && text == name; }
};

// Splits a template as jinja2 does with trim_blocks and lstrip_blocks on. The last token is End.
// Corrupt, with the line, on text that is no template.
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace etb::prompt::jinja
