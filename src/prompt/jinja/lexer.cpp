// The lexer: text and tags, and the whitespace rules between them (trim_blocks, lstrip_blocks, `-`
// and `+` signs).
#include <algorithm>

#include "base/text.h"
#include "prompt/jinja/string_escape.h"
#include "prompt/jinja/token.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

constexpr std::string_view kSigns[] = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "/",
                                       "*",  "%",  "~",  "(",  ")",  "[",  "]", "{", "}",
                                       "<",  ">",  "=",  ".",  ":",  "|",  ",", ";"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_octal_digit(char c) {
  return c >= '0' && c <= '7';
}

bool is_bit(char c) {
  return c == '0' || c == '1';
}

bool is_name_char(char c) {
  return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// \r\n and \r become \n, and one newline at the very end is dropped.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size() && error_.ok()) lex_outside();
    if (!error_.ok()) return error_;
    push(TokenKind::End, {});
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  void push(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }

  void advance(size_t bytes) {
    const std::string_view passed = rest().substr(0, bytes);
    line_ += static_cast<uint32_t>(std::count(passed.begin(), passed.end(), '\n'));
    at_ += passed.size();
    line_start_ = !passed.empty() && passed.back() == '\n';
  }

  void fail(std::string_view message) {
    if (!error_.ok()) return;
    error_ = Status(StatusCode::Corrupt, concat("chat template, line ", line_, ": ", message));
    at_ = source_.size();
  }

  void skip_space() {
    const std::string_view left = strip(rest(), Side::Left);
    if (const size_t bytes = rest().size() - left.size(); bytes > 0) advance(bytes);
  }

  // Text before a tag of `sign` ('-', '+' or 0); `block`: lstrip_blocks applies.
  std::string trimmed_text(std::string_view text, char sign, bool block) const {
    if (sign == '-') return std::string(strip(text, Side::Right));
    if (sign == '+' || !block) return std::string(text);
    const size_t newline = text.rfind('\n');
    const size_t tail = newline == std::string_view::npos ? 0 : newline + 1;
    if (tail == 0 && !line_start_) return std::string(text);
    if (!strip(text.substr(tail), Side::Both).empty()) return std::string(text);
    return std::string(text.substr(0, tail));
  }

  void push_text(std::string_view text, char sign, bool block) {
    std::string trimmed = trimmed_text(text, sign, block);
    if (!trimmed.empty()) push(TokenKind::Text, std::move(trimmed));
  }

  // `-` strips all whitespace after the tag; without a sign one newline goes (trim_blocks).
  void after_tag(char sign, bool trims_newline) {
    if (sign == '-') return skip_space();
    if (sign != '+' && trims_newline && peek() == '\n') advance(1);
  }

  size_t find_tag() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i) {
      if (source_[i] == '{' &&
          (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#')) {
        return i;
      }
    }
    return std::string::npos;
  }

  void lex_outside() {
    const size_t tag = find_tag();
    if (tag == std::string::npos) {
      push(TokenKind::Text, std::string(rest()));
      return advance(rest().size());
    }
    const std::string_view text = rest().substr(0, tag - at_);
    const char type = source_[tag + 1];
    char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    if (sign != '-' && sign != '+') sign = '\0';
    push_text(text, sign, type != '{');
    advance(text.size());
    const size_t raw = type == '%' ? raw_tag_bytes(sign != '\0' ? 3 : 2) : 0;
    if (raw > 0) {
      advance(raw);
      return lex_raw();
    }
    advance(sign != '\0' ? 3 : 2);
    if (type == '#') return lex_comment();
    const bool block = type == '%';
    push(block ? TokenKind::BlockBegin : TokenKind::VariableBegin, {});
    lex_inside(block);
  }

  void lex_comment() {
    const size_t end = rest().find("#}");
    if (end == std::string_view::npos) return fail("a comment has no end; write '#}' after it");
    const char sign = end > 0 ? rest()[end - 1] : '\0';
    advance(end + 2);
    after_tag(sign, true);
  }

  // Bytes of a whole `{% raw %}` tag that starts here (its opening is `open` bytes), or 0.
  size_t raw_tag_bytes(size_t open) const {
    std::string_view left = strip(rest().substr(open), Side::Left);
    if (!left.starts_with("raw")) return 0;
    left = strip(left.substr(3), Side::Left);
    if (left.starts_with("-%}")) return rest().size() - strip(left.substr(3), Side::Left).size();
    if (left.starts_with("%}")) return rest().size() - left.size() + 2;
    return 0;
  }

  void lex_raw() {
    for (size_t i = 0; i + 1 < rest().size(); ++i) {
      if (rest()[i] != '{' || rest()[i + 1] != '%') continue;
      std::string_view tag = rest().substr(i + 2);
      const char sign = !tag.empty() && (tag[0] == '-' || tag[0] == '+') ? tag[0] : '\0';
      if (sign != '\0') tag.remove_prefix(1);
      tag = strip(tag, Side::Left);
      if (!tag.starts_with("endraw")) continue;
      tag = strip(tag.substr(6), Side::Left);
      const char end_sign = !tag.empty() && (tag[0] == '-' || tag[0] == '+') ? tag[0] : '\0';
      if (end_sign != '\0') tag.remove_prefix(1);
      if (!tag.starts_with("%}")) continue;
      push_text(rest().substr(0, i), sign, true);
      advance(rest().size() - tag.size() + 2);
      return after_tag(end_sign, true);
    }
    fail("a raw block has no end; write '{% endraw %}' after it");
  }

  // Bytes of the sign and end mark of the tag if they stand here, else 0.
  size_t end_mark(bool block) const {
    const std::string_view left = rest();
    const size_t sign = !left.empty() && (left[0] == '-' || (block && left[0] == '+')) ? 1 : 0;
    return left.substr(sign).starts_with(block ? "%}" : "}}") ? sign + 2 : 0;
  }

  void lex_inside(bool block) {
    open_brackets_.clear();
    while (error_.ok()) {
      if (const size_t end = open_brackets_.empty() ? end_mark(block) : 0; end > 0) {
        push(block ? TokenKind::BlockEnd : TokenKind::VariableEnd, {});
        const char sign = end == 3 ? peek() : '\0';
        advance(end);
        return after_tag(sign, block);
      }
      if (at_ >= source_.size()) return;  // the parser says what is missing
      lex_token();
    }
  }

  void lex_token() {
    const char c = peek();
    if (const std::string_view left = strip(rest(), Side::Left); left.size() < rest().size()) {
      return advance(rest().size() - left.size());
    }
    if (is_digit(c)) return lex_number();
    if (is_name_char(c)) {
      size_t bytes = 1;
      while (is_name_char(peek(bytes))) ++bytes;
      push(TokenKind::Name, std::string(rest().substr(0, bytes)));
      return advance(bytes);
    }
    if (c == '\'' || c == '"') return lex_string(c);
    lex_sign();
  }

  void lex_string(char quote) {
    size_t end = 1;
    while (at_ + end < source_.size() && peek(end) != quote) end += peek(end) == '\\' ? 2 : 1;
    if (at_ + end >= source_.size()) return fail("a string has no end; close its quotes");
    auto text = unescape_string(rest().substr(1, end - 1));
    if (!text.ok()) return fail(text.status().message());
    push(TokenKind::String, std::move(*text));
    advance(end + 1);
  }

  size_t digits_from(size_t at, bool (*accepts)(char)) const {
    size_t end = at;
    while (accepts(peek(end)) || (peek(end) == '_' && end > at && accepts(peek(end + 1)))) ++end;
    return end;
  }

  void push_number(TokenKind kind, size_t bytes) {
    std::string text(rest().substr(0, bytes));
    std::erase(text, '_');
    push(kind, std::move(text));
    advance(bytes);
  }

  void lex_number() {
    const char base = static_cast<char>(peek(1) | 0x20);
    if (peek() == '0' && (base == 'x' || base == 'o' || base == 'b')) {
      const auto accepts = base == 'x' ? is_hex_digit : base == 'o' ? is_octal_digit : is_bit;
      if (accepts(peek(2))) return push_number(TokenKind::Integer, digits_from(2, accepts));
    }
    const size_t whole = digits_from(0, is_digit);
    size_t end = whole;
    if (at_ > 0 && source_[at_ - 1] == '.') return push_number(TokenKind::Integer, whole);  // x.0.1
    if (peek(end) == '.' && is_digit(peek(end + 1))) end = digits_from(end + 1, is_digit);
    const size_t sign = peek(end + 1) == '+' || peek(end + 1) == '-' ? 1 : 0;
    if ((peek(end) | 0x20) == 'e' && is_digit(peek(end + 1 + sign))) {
      end = digits_from(end + 1 + sign, is_digit);
    }
    push_number(end > whole ? TokenKind::Float : TokenKind::Integer, end);
  }

  void lex_sign() {
    const auto* sign = std::find_if(std::begin(kSigns), std::end(kSigns),
                                    [this](std::string_view s) { return rest().starts_with(s); });
    if (sign == std::end(kSigns)) return fail(concat("unexpected character '", peek(), "'"));
    const char c = sign->front();
    if (c == '(' || c == '[' || c == '{') {
      open_brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_brackets_.empty() || open_brackets_.back() != c) {
        return fail(concat("unexpected '", c, "'"));
      }
      open_brackets_.pop_back();
    }
    push(TokenKind::Sign, std::string(*sign));
    advance(sign->size());
  }

  std::string source_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool line_start_ = true;  // the last match ended with a newline, or nothing was read yet
  std::string open_brackets_;
  std::vector<Token> tokens_;
  Status error_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace etb::prompt::jinja
