// Images from files. The library takes plain pixels, for apps have their system's decoders.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "media/media.h"

namespace etb::cli {

// A PNG or JPEG, upright as its camera says (EXIF), transparency over white. NotFound and the like
// of the system; Corrupt: damaged, or neither; InvalidArgument: larger than media::Media takes.
Result<std::shared_ptr<const media::Media>> read_image(const std::string& path);

}  // namespace etb::cli
