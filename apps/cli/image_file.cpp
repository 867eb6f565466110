#include "image_file.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "base/text.h"
#include "platform/mapped_file.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS (1 << 15)  // media::kMostSide
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace etb::cli {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kMostFileBytes = size_t{256} << 20;

// EXIF's number for how a picture lies: 1 upright, ... 8. What cannot be read is upright.
class Orientation {
 public:
  static int of(Bytes jpeg) {
    for (size_t at = 2; at + 4 <= jpeg.size() && jpeg[at] == 0xFF && jpeg[at + 1] != 0xDA;) {
      const size_t length = size_t{jpeg[at + 2]} << 8 | jpeg[at + 3];
      if (length < 2 || length > jpeg.size() - at - 2) break;
      if (jpeg[at + 1] == 0xE1) {
        const int found = Orientation(jpeg.subspan(at + 4, length - 2)).read();
        if (found != 0) return found;
      }
      at += 2 + length;
    }
    return 1;
  }

 private:
  explicit Orientation(Bytes segment) : segment_(segment) {}

  // 0: this segment says nothing.
  int read() {
    constexpr std::string_view kExif("Exif\0\0", 6);
    const std::string_view text(reinterpret_cast<const char*>(segment_.data()), segment_.size());
    if (!text.starts_with(kExif)) return 0;
    tiff_ = segment_.subspan(kExif.size());
    if (tiff_.size() < 8) return 0;
    big_ = tiff_[0] == 'M';
    const size_t first = number(4, 4);
    const size_t entries = number(first, 2);
    for (size_t i = 0; i < entries && i < 512; ++i) {
      const size_t entry = first + 2 + i * 12;
      if (number(entry, 2) != 0x0112) continue;
      const size_t value = number(entry + 8, 2);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
    }
    return 0;
  }

  size_t number(size_t at, size_t bytes) const {
    if (at > tiff_.size() || bytes > tiff_.size() - at) return 0;
    size_t value = 0;
    for (size_t i = 0; i < bytes; ++i) {
      value = value << 8 | tiff_[big_ ? at + i : at + bytes - 1 - i];
    }
    return value;
  }

  Bytes segment_, tiff_;
  bool big_ = false;
};

// The decoder writes past its tables where a JPEG's Huffman codes are more than there can be. Their
// marker stands nowhere else: within a picture's data 0xFF is never followed by it.
bool has_sane_codes(Bytes jpeg) {
  constexpr size_t kLengths = 16, kMostCodes = 256;
  for (size_t at = 0; at + 4 <= jpeg.size(); ++at) {
    if (jpeg[at] != 0xFF || jpeg[at + 1] != 0xC4) continue;
    const size_t length = size_t{jpeg[at + 2]} << 8 | jpeg[at + 3];
    const size_t end = std::min(jpeg.size(), at + 2 + length);
    for (size_t table = at + 4; table + 1 + kLengths <= end;) {
      size_t codes = 0;
      for (size_t i = 1; i <= kLengths; ++i) codes += jpeg[table + i];
      if (codes > kMostCodes) return false;
      table += 1 + kLengths + codes;
    }
  }
  return true;
}

// The picture as it is to be seen, of one that lies as `orientation` says.
media::Image upright(media::Image image, int orientation) {
  if (orientation == 1) return image;
  const bool turned = orientation >= 5;
  media::Image out{.width = turned ? image.height : image.width,
                   .height = turned ? image.width : image.height};
  out.rgb.resize(image.rgb.size());
  for (uint32_t y = 0; y < out.height; ++y) {
    for (uint32_t x = 0; x < out.width; ++x) {
      uint32_t from_x = turned ? y : x, from_y = turned ? x : y;
      const bool mirror_x =
          orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
      const bool mirror_y =
          orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
      if (mirror_x) from_x = image.width - 1 - from_x;
      if (mirror_y) from_y = image.height - 1 - from_y;
      const size_t from = (size_t{from_y} * image.width + from_x) * 3;
      const size_t to = (size_t{y} * out.width + x) * 3;
      for (size_t c = 0; c < 3; ++c) out.rgb[to + c] = image.rgb[from + c];
    }
  }
  return out;
}

media::Image over_white(const uint8_t* rgba, uint32_t width, uint32_t height) {
  media::Image image{.width = width, .height = height};
  image.rgb.reserve(size_t{width} * height * 3);
  for (size_t i = 0; i < size_t{width} * height; ++i, rgba += 4) {
    const unsigned alpha = rgba[3];
    for (size_t c = 0; c < 3; ++c) {
      image.rgb.push_back(
          static_cast<uint8_t>((rgba[c] * alpha + 255 * (255 - alpha) + 127) / 255));
    }
  }
  return image;
}

bool is_jpeg(Bytes file) {
  return file.size() >= 2 && file[0] == 0xFF && file[1] == 0xD8;
}

Status not_an_image(const std::string& path, const char* reason) {
  return {StatusCode::Corrupt, concat(path, ": no PNG or JPEG that can be read",
                                      reason == nullptr ? "" : concat(" (", reason, ")"))};
}

}  // namespace

Result<std::shared_ptr<const media::Media>> read_image(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  const Bytes bytes = file->bytes();
  if (bytes.size() > kMostFileBytes) {
    return Status(StatusCode::InvalidArgument, concat(path, ": too large for an image"));
  }
  const auto size = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  const bool jpeg = is_jpeg(bytes);
  if (jpeg && !has_sane_codes(bytes)) return not_an_image(path, "bad codes");
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 0) {
    return not_an_image(path, stbi_failure_reason());
  }
  // Before it is decoded: a small file may claim to be a huge image.
  if (uint64_t{static_cast<uint32_t>(width)} * static_cast<uint32_t>(height) > media::kMostPixels) {
    return Status(StatusCode::InvalidArgument,
                  concat(path, ": ", width, "x", height, " pixels, more than ", media::kMostPixels,
                         ": scale it down first"));
  }
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 4), stbi_image_free);
  if (pixels == nullptr) return not_an_image(path, stbi_failure_reason());
  media::Image image =
      over_white(pixels.get(), static_cast<uint32_t>(width), static_cast<uint32_t>(height));
  auto media = media::Media::image(upright(std::move(image), jpeg ? Orientation::of(bytes) : 1));
  return media.ok() ? media : media.status().with_context(path);
}

}  // namespace etb::cli
