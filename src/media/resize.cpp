#include "media/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

namespace etb::media {
namespace {

constexpr int kFractionBits = 22;  // of a weight
constexpr size_t kChannels = 3;

double triangle(double x) {
  return std::max(0.0, 1.0 - std::abs(x));
}

double cubic(double x) {  // Keys' with a = -1/2
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) {
  return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

struct Filter {
  double (*at)(double);
  double reach;  // it is 0 beyond
};

Filter filter_of(Resample resample) {
  switch (resample) {
    case Resample::Lanczos:
      return {lanczos, 3};
    case Resample::Bicubic:
      return {cubic, 2};
    case Resample::Bilinear:
      break;
  }
  return {triangle, 1};
}

// Which inputs make an output, and how much of each.
struct Window {
  size_t first = 0;
  std::vector<int32_t> weights;
};

Window window_at(size_t out, double scale, size_t in_size, const Filter& filter) {
  const double widened = std::max(1.0, scale);
  const double reach = filter.reach * widened;
  const double center = (static_cast<double>(out) + 0.5) * scale;
  const auto first = static_cast<size_t>(std::max(0.0, center - reach + 0.5));
  const size_t last = std::min(in_size, static_cast<size_t>(center + reach + 0.5));
  std::vector<double> shares;
  double sum = 0;
  for (size_t in = first; in < last; ++in) {
    shares.push_back(filter.at((static_cast<double>(in) - center + 0.5) * (1.0 / widened)));
    sum += shares.back();
  }
  Window window{.first = first, .weights = {}};
  for (const double share : shares) {
    const double weight = (sum != 0 ? share / sum : share) * (1 << kFractionBits);
    window.weights.push_back(static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5));
  }
  return window;
}

std::vector<Window> windows(size_t in_size, size_t out_size, Resample resample) {
  const Filter filter = filter_of(resample);
  const double scale = static_cast<double>(in_size) / static_cast<double>(out_size);
  std::vector<Window> all;
  all.reserve(out_size);
  for (size_t out = 0; out < out_size; ++out) {
    all.push_back(window_at(out, scale, in_size, filter));
  }
  return all;
}

uint8_t rounded(int64_t sum) {
  return static_cast<uint8_t>(std::clamp<int64_t>(sum >> kFractionBits, 0, 255));
}

constexpr int64_t kHalf = int64_t{1} << (kFractionBits - 1);

void resize_row(const uint8_t* in, const std::vector<Window>& columns, uint8_t* out) {
  for (const Window& window : columns) {
    int64_t sums[kChannels] = {kHalf, kHalf, kHalf};
    const uint8_t* pixel = in + window.first * kChannels;
    for (const int32_t weight : window.weights) {
      for (size_t c = 0; c < kChannels; ++c) sums[c] += int64_t{weight} * *pixel++;
    }
    for (const int64_t sum : sums) *out++ = rounded(sum);
  }
}

Image resized_across(const Image& image, uint32_t width, Resample resample) {
  Image out{.width = width, .height = image.height, .rgb = {}};
  out.rgb.resize(size_t{width} * image.height * kChannels);
  const std::vector<Window> columns = windows(image.width, width, resample);
  for (size_t y = 0; y < image.height; ++y) {
    resize_row(image.rgb.data() + y * image.width * kChannels, columns,
               out.rgb.data() + y * width * kChannels);
  }
  return out;
}

Image resized_down(const Image& image, uint32_t height, Resample resample) {
  Image out{.width = image.width, .height = height, .rgb = {}};
  const size_t row = size_t{image.width} * kChannels;
  out.rgb.resize(row * height);
  const std::vector<Window> rows = windows(image.height, height, resample);
  std::vector<int64_t> sums(row);
  for (size_t y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const uint8_t* in = image.rgb.data() + rows[y].first * row;
    for (const int32_t weight : rows[y].weights) {
      for (size_t x = 0; x < row; ++x) sums[x] += int64_t{weight} * in[x];
      in += row;
    }
    std::transform(sums.begin(), sums.end(), out.rgb.begin() + static_cast<ptrdiff_t>(y * row),
                   rounded);
  }
  return out;
}

}  // namespace

Image resized(const Image& image, uint32_t width, uint32_t height, Resample resample) {
  if (image.width == width && image.height == height) return image;
  if (image.width == width) return resized_down(image, height, resample);
  Image across = resized_across(image, width, resample);
  return image.height == height ? across : resized_down(across, height, resample);
}

Image center_cropped(const Image& image, uint32_t width, uint32_t height) {
  Image out{.width = width, .height = height, .rgb = {}};
  out.rgb.resize(size_t{width} * height * kChannels);
  // Of what is cut or filled the smaller half comes first.
  const int64_t left = (int64_t{image.width} - width) / 2;
  const int64_t top = (int64_t{image.height} - height) / 2;
  const size_t columns = std::min(image.width, width);
  for (size_t y = 0; y < std::min(image.height, height); ++y) {
    const size_t from_y = y + static_cast<size_t>(std::max<int64_t>(top, 0));
    const size_t to_y = y + static_cast<size_t>(std::max<int64_t>(-top, 0));
    const size_t from = from_y * image.width + static_cast<size_t>(std::max<int64_t>(left, 0));
    const size_t to = to_y * width + static_cast<size_t>(std::max<int64_t>(-left, 0));
    std::memcpy(out.rgb.data() + to * kChannels, image.rgb.data() + from * kChannels,
                columns * kChannels);
  }
  return out;
}

}  // namespace etb::media
