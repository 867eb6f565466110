// Which pages of a mapping are in memory. Inside the platform room only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace etb {

// Bytes of resident pages in [start, start + length); `start` is page-aligned. `name` is for
// errors.
Result<size_t> resident_page_bytes(const void* start, size_t length, std::string_view name);

}  // namespace etb
