#include "prompt/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace etb::prompt {
namespace {

struct SpecialCase {
  char32_t code_point;
  std::array<char32_t, 3> upper;
  std::array<char32_t, 3> title;
};
constexpr SpecialCase kSpecialCases[] = {
#include "prompt/special_case.inc"
};

const SpecialCase* special_case(char32_t c) {
  const auto* found =
      std::lower_bound(std::begin(kSpecialCases), std::end(kSpecialCases), c,
                       [](const SpecialCase& s, char32_t v) { return s.code_point < v; });
  return found != std::end(kSpecialCases) && found->code_point == c ? found : nullptr;
}

utf8proc_category_t category(char32_t c) {
  return c > 0x10FFFF ? UTF8PROC_CATEGORY_CN : utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

void append_all(std::string& out, const std::array<char32_t, 3>& points) {
  for (const char32_t c : points) {
    if (c != 0) append_code_point(out, c);
  }
}

char32_t simple(char32_t c, utf8proc_int32_t (*map)(utf8proc_int32_t)) {
  return static_cast<char32_t>(map(static_cast<utf8proc_int32_t>(c)));
}

void append_upper(std::string& out, char32_t c) {
  const SpecialCase* special = c < 0x80 ? nullptr : special_case(c);
  if (special) return append_all(out, special->upper);
  append_code_point(out, simple(c, utf8proc_toupper));
}

void append_title(std::string& out, char32_t c) {
  const SpecialCase* special = c < 0x80 ? nullptr : special_case(c);
  if (special) return append_all(out, special->title);
  append_code_point(out, simple(c, utf8proc_totitle));
}

bool is_cased(char32_t c) {
  return is_upper(c) || is_lower(c) || category(c) == UTF8PROC_CATEGORY_LT;
}

// Skipped by the final-sigma rule: marks, modifiers and a few signs that stand inside words.
bool is_case_ignorable(char32_t c) {
  if (c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2018 || c == 0x2019) return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return false;
  }
}

// A capital sigma becomes a final one after a cased letter unless a cased letter follows.
bool is_final_sigma(std::string_view text, size_t at, size_t bytes) {
  bool cased_before = false;
  for (size_t i = at; i > 0 && !cased_before;) {
    do --i;
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80);
    const char32_t c = code_point_at(text, i).value;
    if (is_case_ignorable(c)) continue;
    if (!is_cased(c)) return false;
    cased_before = true;
  }
  if (!cased_before) return false;
  for (size_t i = at + bytes; i < text.size();) {
    const CodePoint p = code_point_at(text, i);
    if (!is_case_ignorable(p.value)) return !is_cased(p.value);
    i += p.bytes;
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, size_t at, CodePoint p) {
  constexpr char32_t kDottedCapitalI = 0x130, kCapitalSigma = 0x3A3, kFinalSigma = 0x3C2;
  if (p.value == kDottedCapitalI) {
    out += "i\xCC\x87";
  } else if (p.value == kCapitalSigma && is_final_sigma(text, at, p.bytes)) {
    append_code_point(out, kFinalSigma);
  } else {
    append_code_point(out, simple(p.value, utf8proc_tolower));
  }
}

// Calls visit(at, code point) for each; broken bytes are copied to `out` as they are.
template <class Visit>
std::string map_text(std::string_view text, Visit visit) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = code_point_at(text, at);
    if (p.value == kBrokenByte) {
      out += text[at];
    } else {
      visit(out, at, p);
    }
    at += p.bytes;
  }
  return out;
}

}  // namespace

CodePoint code_point_at(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {byte, 1};
  utf8proc_int32_t value = 0;
  const size_t left = std::min<size_t>(text.size() - at, 4);
  const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                      static_cast<utf8proc_ssize_t>(left), &value);
  if (bytes <= 0) return {kBrokenByte, 1};
  return {static_cast<char32_t>(value), static_cast<size_t>(bytes)};
}

void append_code_point(std::string& out, char32_t value) {
  if (value < 0x80) {
    out += static_cast<char>(value);
    return;
  }
  utf8proc_uint8_t bytes[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes);
  out.append(reinterpret_cast<const char*>(bytes), n > 0 ? static_cast<size_t>(n) : 0);
}

size_t count_code_points(std::string_view text, bool* ascii) {
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  if (ascii) *ascii = plain;
  if (plain) return text.size();
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) at += code_point_at(text, at).bytes;
  return count;
}

size_t byte_offset(std::string_view text, size_t index) {
  size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += code_point_at(text, at).bytes;
  return at;
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_alpha(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return true;
    default:
      return false;
  }
}

bool is_decimal(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_numeric(char32_t c) {
  const utf8proc_category_t k = category(c);
  return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}

bool is_upper(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU;
}

bool is_lower(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL;
}

bool is_title(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LT;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  if (c == kBrokenByte) return false;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool is_word(char32_t c) {
  return c == '_' || is_alpha(c) || is_numeric(c);
}

std::string_view strip(std::string_view text, Side side, std::string_view chars) {
  const auto strippable = [chars](std::string_view point, char32_t value) {
    if (chars.empty()) return is_space(value);
    for (size_t at = 0; at < chars.size();) {
      const size_t bytes = code_point_at(chars, at).bytes;
      if (chars.substr(at, bytes) == point) return true;
      at += bytes;
    }
    return false;
  };
  while (side != Side::Right && !text.empty()) {
    const CodePoint p = code_point_at(text, 0);
    if (!strippable(text.substr(0, p.bytes), p.value)) break;
    text.remove_prefix(p.bytes);
  }
  while (side != Side::Left && !text.empty()) {
    size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 &&
           (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) {
      --at;
    }
    CodePoint p = code_point_at(text, at);
    if (at + p.bytes != text.size()) {
      at = text.size() - 1;
      p = {kBrokenByte, 1};
    }
    if (!strippable(text.substr(at), p.value)) break;
    text = text.substr(0, at);
  }
  return text;
}

std::string to_upper(std::string_view text) {
  return map_text(text, [](std::string& out, size_t, CodePoint p) { append_upper(out, p.value); });
}

std::string to_lower(std::string_view text) {
  return map_text(
      text, [text](std::string& out, size_t at, CodePoint p) { append_lower(out, text, at, p); });
}

std::string to_title(std::string_view text) {
  bool previous_cased = false;
  return map_text(text, [&previous_cased, text](std::string& out, size_t at, CodePoint p) {
    if (previous_cased) {
      append_lower(out, text, at, p);
    } else {
      append_title(out, p.value);
    }
    previous_cased = is_cased(p.value);
  });
}

std::string capitalize(std::string_view text) {
  return map_text(text, [text](std::string& out, size_t at, CodePoint p) {
    if (at == 0) {
      append_title(out, p.value);
    } else {
      append_lower(out, text, at, p);
    }
  });
}

std::string swap_case(std::string_view text) {
  return map_text(text, [text](std::string& out, size_t at, CodePoint p) {
    if (is_upper(p.value)) {
      append_lower(out, text, at, p);
    } else if (is_lower(p.value)) {
      append_upper(out, p.value);
    } else {
      append_code_point(out, p.value);
    }
  });
}

}  // namespace etb::prompt
