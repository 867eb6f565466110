// Unicode normalisation form C, which Qwen's tokenizers apply before they split.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace etb::token {

// `text` in NFC. Precondition: valid UTF-8.
Result<std::string> to_nfc(std::string_view text);

// True if `text` is surely in NFC already: nothing in it lies at or above U+0300.
bool is_plainly_nfc(std::string_view text);

}  // namespace etb::token
