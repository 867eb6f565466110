// Unicode as tokenizers need it: normal forms, lower case, what belongs to a word. utf8proc stays
// inside unicode.cpp. All texts are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace etb::token {

enum class NormalForm { Nfc, Nfd, Nfkc, Nfkd };

Result<std::string> to_normal_form(std::string_view text, NormalForm form);
// True if `text` is surely in that form already; cheap.
bool is_plainly_normal(std::string_view text, NormalForm form);

// Each character's full lower case, without regard to its neighbours.
std::string to_lower_case(std::string_view text);
// Without the characters of the category Mark.
std::string without_marks(std::string_view text);

// Whether the last, or first, character is a letter, mark, decimal digit or connector.
bool ends_with_word(std::string_view text);
bool begins_with_word(std::string_view text);

}  // namespace etb::token
