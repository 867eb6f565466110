// Tokens and whitespace control: what is cut away around tags.
#include <gtest/gtest.h>

#include "prompt/jinja/string_escape.h"
#include "prompt/jinja/token.h"

namespace etb::prompt::jinja {
namespace {

// The template's tokens in one line: text in quotes, tags as they are written.
std::string tokens(std::string_view source) {
  const auto result = tokenize(source);
  if (!result.ok()) return result.status().to_string();
  std::string out;
  for (const Token& token : *result) {
    switch (token.kind) {
      case TokenKind::Text:
        out += "'" + token.text + "'";
        break;
      case TokenKind::VariableBegin:
        out += "{{";
        break;
      case TokenKind::VariableEnd:
        out += "}}";
        break;
      case TokenKind::BlockBegin:
        out += "{%";
        break;
      case TokenKind::BlockEnd:
        out += "%}";
        break;
      case TokenKind::String:
        out += " \"" + token.text + "\"";
        break;
      case TokenKind::End:
        break;
      default:
        out += " " + token.text;
        break;
    }
  }
  return out;
}

TEST(Lexer, ABlockTagTakesItsLineWithIt) {
  EXPECT_EQ(tokens("a\n  {% x %}\nb"), "'a\n'{% x%}'b'");
  EXPECT_EQ(tokens("a {% x %}\n\nb"), "'a '{% x%}'\nb'");
  EXPECT_EQ(tokens("  {% x %}  {% y %}"), "{% x%}'  '{% y%}");
  EXPECT_EQ(tokens("  {% x %}\n  {% y %}"), "{% x%}{% y%}");
}

TEST(Lexer, AVariableTagLeavesItsLineAlone) {
  EXPECT_EQ(tokens("a\n  {{ x }}\nb"), "'a\n  '{{ x}}'\nb'");
}

TEST(Lexer, MinusCutsAllWhitespace) {
  EXPECT_EQ(tokens("a \n\t {%- x -%} \n\u3000 b"), "'a'{% x%}'b'");
  EXPECT_EQ(tokens("a \n {{- x -}} \n b"), "'a'{{ x}}'b'");
  EXPECT_EQ(tokens("a {#- c -#} b"), "'a''b'");
}

TEST(Lexer, PlusKeepsWhitespace) {
  EXPECT_EQ(tokens("  {%+ x +%}\nb"), "'  '{% x%}'\nb'");
}

TEST(Lexer, CommentsVanish) {
  EXPECT_EQ(tokens("a\n  {# {{ x }} #}\nb"), "'a\n''b'");
  EXPECT_EQ(tokens("{#-#}a{##}b"), "'a''b'");
}

TEST(Lexer, RawTextIsNotRead) {
  EXPECT_EQ(tokens("{% raw %}{{ x }}{% y %}{% endraw %}b"), "'{{ x }}{% y %}''b'");
  EXPECT_EQ(tokens("a {%- raw -%} {{ {%- endraw -%} b"), "'a''{{''b'");
  EXPECT_EQ(
      tokens("{% raw %} x"),
      "Corrupt: chat template, line 1: a raw block has no end; write '{% endraw %}' after it");
}

TEST(Lexer, OneNewlineAtTheEndGoes) {
  EXPECT_EQ(tokens("a\r\nb\rc\n\n"), "'a\nb\nc\n'");
  EXPECT_EQ(tokens("\n"), "");
}

TEST(Lexer, BracesInsideExpressionsDoNotEndThem) {
  EXPECT_EQ(tokens("{{ {'a': {}}}}"), "{{ { \"a\" : { } }}}");
  EXPECT_EQ(tokens("{{ '}}' }}"), "{{ \"}}\"}}");
  EXPECT_EQ(tokens("{{ ) }}"), "Corrupt: chat template, line 1: unexpected ')'");
  EXPECT_EQ(tokens("{{ (] }}"), "Corrupt: chat template, line 1: unexpected ']'");
}

TEST(Lexer, Numbers) {
  EXPECT_EQ(tokens("{{ 1_000 1.5e-3 0xFf a.0.1 1.x }}"), "{{ 1000 1.5e-3 0xFf a . 0 . 1 1 . x}}");
}

TEST(Lexer, EveryPrefixOfATemplateEndsWell) {
  constexpr std::string_view kTemplate =
      "a {%- if x[1:2] == 'q\\n' -%} {{ {'b': 0x1f}|tojson }} {#- c -#}{% raw %}{{{% endraw %}\n";
  for (size_t size = 0; size <= kTemplate.size(); ++size) {
    const auto result = tokenize(kTemplate.substr(0, size));
    if (result.ok()) {
      EXPECT_EQ(result->back().kind, TokenKind::End);
    } else {
      EXPECT_EQ(result.status().code(), StatusCode::Corrupt);
    }
  }
}

TEST(StringEscape, FollowsPython) {
  EXPECT_EQ(unescape_string("\\n\\t\\x41\\u00e9\\U0001F600\\101\\q\\\\\\'").value(),
            "\n\tAé😀A\\q\\'");
  EXPECT_EQ(unescape_string("a\\\nb").value(), "ab");
  EXPECT_EQ(unescape_string("\\N{DASH}").status().code(), StatusCode::Unsupported);
  for (const std::string_view bad : {"\\x4", "\\xZZ", "\\u12", "\\U00110000", "\\ud800"}) {
    EXPECT_EQ(unescape_string(bad).status().code(), StatusCode::Corrupt) << bad;
  }
}

}  // namespace
}  // namespace etb::prompt::jinja
