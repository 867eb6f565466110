// What a sampler says of an option that it cannot use.
#pragma once

#include <string_view>

#include "base/status.h"
#include "base/text.h"

namespace etb::runner {

inline Status out_of_range(std::string_view option, double value, std::string_view range) {
  return {StatusCode::InvalidArgument,
          concat("sampler option ", option, " is ", value, ", must be ", range)};
}

}  // namespace etb::runner
