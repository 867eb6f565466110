#include "token/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/text.h"
#include "token/utf8.h"

namespace etb::token {
namespace {

utf8proc_option_t options_of(NormalForm form) {
  const bool composes = form == NormalForm::Nfc || form == NormalForm::Nfkc;
  const bool compatible = form == NormalForm::Nfkc || form == NormalForm::Nfkd;
  return static_cast<utf8proc_option_t>(UTF8PROC_STABLE |
                                        (composes ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                                        (compatible ? UTF8PROC_COMPAT : 0));
}

bool is_mark(uint32_t code) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

bool is_word(uint32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return is_mark(code);
  }
}

}  // namespace

bool is_plainly_normal(std::string_view text, NormalForm form) {
  const unsigned char limit = form == NormalForm::Nfc ? 0xCC : 0x80;  // U+0300
  return std::none_of(text.begin(), text.end(),
                      [limit](char c) { return static_cast<unsigned char>(c) >= limit; });
}

Result<std::string> to_normal_form(std::string_view text, NormalForm form) {
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw, options_of(form));
  if (size < 0) {
    return Status(size == UTF8PROC_ERROR_NOMEM ? StatusCode::OutOfMemory : StatusCode::Internal,
                  concat("Unicode normalisation: ", utf8proc_errmsg(size)));
  }
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(raw, &std::free);
  return std::string(reinterpret_cast<const char*>(raw), static_cast<size_t>(size));
}

std::string to_lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const uint32_t code = next_code_point(text, at);
    if (code == 0x130) {  // the one whose full mapping has two characters
      out += "i\u0307";
    } else {
      const auto lower = utf8proc_tolower(static_cast<utf8proc_int32_t>(code));
      append_utf8(static_cast<uint32_t>(lower), out);
    }
  }
  return out;
}

std::string without_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!is_mark(next_code_point(text, at))) out += text.substr(begin, at - begin);
  }
  return out;
}

bool begins_with_word(std::string_view text) {
  size_t at = 0;
  return !text.empty() && is_word(next_code_point(text, at));
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return is_word(next_code_point(text, at));
}

}  // namespace etb::token
