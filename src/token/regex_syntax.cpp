// Oniguruma's regular expressions (Ruby syntax, which Hugging Face's tokenizers use) in PCRE2's.
// Where both agree a construct is copied; \s and \w are written out, since the two libraries
// disagree about a few characters; what is not listed here is refused by name.
#include <cctype>

#include "base/text.h"
#include "token/regex.h"
#include "token/utf8.h"

namespace etb::token {
namespace {

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  Result<std::string> run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        ETB_RETURN_IF_ERROR(escape());
      } else if (c == '[') {
        ETB_RETURN_IF_ERROR(begin_class());
      } else if (c == ']' && in_class_) {
        in_class_ = false;
        copy(1);
      } else if (c == '(' && !in_class_) {
        ETB_RETURN_IF_ERROR(group());
      } else if (c == '{' && !in_class_) {
        ETB_RETURN_IF_ERROR(interval());
      } else if (in_class_ && pattern_.substr(at_).starts_with("&&")) {
        return refused("&&");
      } else {
        copy(utf8_length(c));
      }
    }
    return std::move(out_);
  }

 private:
  Status refused(std::string_view construct) const {
    return Status(StatusCode::Unsupported,
                  concat("the regular expression '", pattern_, "': '", construct, "' at offset ",
                         at_, " is not supported"));
  }

  void copy(size_t bytes) {
    out_ += pattern_.substr(at_, bytes);
    at_ += bytes;
  }

  Status escape() {
    if (at_ + 1 == pattern_.size()) return refused("\\");
    const char kind = pattern_[at_ + 1];
    const bool punctuation =
        kind < 0x7F && kind > 0x20 && !std::isalnum(static_cast<uint8_t>(kind));
    if (punctuation || std::string_view("rntfdD ").find(kind) != std::string_view::npos) {
      copy(2);
      return {};
    }
    switch (kind) {
      case 's':
        return replace_class(ETB_REGEX_SPACE, false);
      case 'S':
        return replace_class(ETB_REGEX_SPACE, true);
      case 'w':
        return replace_class(R"(\p{L}\p{M}\p{Nd}\p{Pc})", false);
      case 'W':
        return replace_class(R"(\p{L}\p{M}\p{Nd}\p{Pc})", true);
      case 'p':
      case 'P':
        return property();
      case 'u':
        return hexadecimal(4);
      case 'x':
        return hexadecimal(2);
      default:
        return refused(pattern_.substr(at_, 2));
    }
  }

  Status replace_class(std::string_view inside, bool negated) {
    if (in_class_ && negated) {
      // The complement of White_Space within a larger class has no spelling that both agree on.
      if (inside != std::string_view(ETB_REGEX_SPACE)) return refused("\\W in a class");
      out_ += R"(\P{White_Space})";
    } else if (in_class_) {
      out_ += inside;
    } else {
      out_ += concat(negated ? "[^" : "[", inside, "]");
    }
    at_ += 2;
    return {};
  }

  Status property() {  // \p{Name}
    const size_t end = pattern_.find('}', at_);
    if (end == std::string_view::npos || pattern_[at_ + 2] != '{') return refused("\\p");
    for (const char c : pattern_.substr(at_ + 3, end - at_ - 3)) {
      if (std::isalpha(static_cast<uint8_t>(c)) == 0 && c != '_' && c != '^') {
        return refused(pattern_.substr(at_, end + 1 - at_));
      }
    }
    copy(end + 1 - at_);
    return {};
  }

  Status hexadecimal(size_t digits) {  // \u00A0, \xA0, \x{A0}
    const std::string_view rest = pattern_.substr(at_ + 2);
    const bool braces = rest.starts_with("{");
    const size_t end = braces ? rest.find('}') : digits;
    if (end == std::string_view::npos || rest.size() < end) return refused("\\x");
    const std::string_view code = rest.substr(braces ? 1 : 0, end - (braces ? 1 : 0));
    if (code.empty() || code.size() > 6) return refused("\\x");
    for (const char c : code) {
      if (std::isxdigit(static_cast<uint8_t>(c)) == 0) return refused("\\x");
    }
    out_ += concat("\\x{", code, "}");
    at_ += 2 + end + (braces ? 1 : 0);
    return {};
  }

  Status begin_class() {
    if (in_class_) return refused("[ in a class");
    in_class_ = true;
    copy(1);
    if (at_ < pattern_.size() && pattern_[at_] == '^') copy(1);
    if (at_ < pattern_.size() && pattern_[at_] == ']') return refused("] first in a class");
    return {};
  }

  Status group() {
    const std::string_view rest = pattern_.substr(at_);
    if (!rest.starts_with("(?") && !rest.starts_with("(*")) {
      out_ += "(?:";  // what a group matched is never asked for
      ++at_;
      return {};
    }
    for (const std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?i:", "(?>"}) {
      if (!rest.starts_with(known)) continue;
      copy(known.size());
      return {};
    }
    return refused(rest.substr(0, 3));
  }

  // {n}, {n,}, {n,m}; what follows a plus in Ruby repeats the whole, in PCRE2 it is possessive.
  Status interval() {
    const size_t end = pattern_.find('}', at_);
    const std::string_view inside =
        end == std::string_view::npos ? "" : pattern_.substr(at_ + 1, end - at_ - 1);
    if (inside.empty() || inside[0] == ',' ||
        inside.find_first_not_of("0123456789,") != std::string_view::npos) {
      return refused("{");
    }
    copy(inside.size() + 2);
    if (at_ < pattern_.size() && pattern_[at_] == '+') return refused("}+");
    return {};
  }

  std::string_view pattern_;
  size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
};

}  // namespace

Result<std::string> to_pcre2(std::string_view pattern) {
  if (first_invalid_utf8(pattern) != pattern.size() || pattern.empty()) {
    return Status(StatusCode::Unsupported, "a regular expression that is empty or not UTF-8");
  }
  return Translator(pattern).run();
}

}  // namespace etb::token
