// What tests/references/stock holds: logits of eager PyTorch models, and what they were given.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/token_id.h"
#include "media/media.h"
#include "runner/model_source.h"

namespace etb::runner {

inline std::string recorded_path(const std::string& file) {
  return std::string(ETB_SOURCE_DIR) + "/tests/references/stock/" + file;
}

// A model with the weights that lie in a .ptd of the same stem.
inline ModelSource recorded_model(const std::string& name) {
  ModelSource source{.file = MappedFile::open(recorded_path(name + ".pte")).value()};
  auto data = MappedFile::open(recorded_path(name + ".ptd"));
  if (data.ok()) source.data.push_back(std::move(data).value());
  return source;
}

// Reads plain numbers one after the other; good() once all were there.
class RecordedFile {
 public:
  RecordedFile(const std::string& name, const char (&magic)[9])
      : file_(recorded_path(name), std::ios::binary) {
    char found[8] = {};
    read(found, sizeof found);
    if (std::memcmp(found, magic, sizeof found) != 0) file_.setstate(std::ios::failbit);
  }
  bool good() const { return static_cast<bool>(file_); }
  void read(void* to, size_t bytes) {
    file_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  }
  uint32_t number() {
    uint32_t value = 0;
    read(&value, sizeof value);
    return value;
  }

 private:
  std::ifstream file_;
};

struct Recorded {
  std::vector<TokenId> ids;
  std::vector<std::vector<float>> logits;  // after each of them
};

// Without ids if the file cannot be read.
inline Recorded read_recorded(const std::string& name) {
  RecordedFile file(name + ".logits", "ETBLOG1\n");
  Recorded recorded;
  recorded.ids.resize(file.good() ? file.number() : 0);
  const uint32_t vocab = file.number();
  if (!file.good()) return {};
  file.read(recorded.ids.data(), recorded.ids.size() * sizeof(TokenId));
  recorded.logits.assign(recorded.ids.size(), std::vector<float>(vocab));
  for (std::vector<float>& row : recorded.logits) file.read(row.data(), vocab * sizeof(float));
  return file.good() ? recorded : Recorded();
}

// How far the logits are from those wanted, relative to the largest of these; infinite if they are
// not as many.
inline double distance(std::span<const float> wanted, std::span<const float> logits) {
  if (logits.size() != wanted.size()) return std::numeric_limits<double>::infinity();
  float largest = 0, off = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    largest = std::max(largest, std::abs(wanted[i]));
    off = std::max(off, std::abs(wanted[i] - logits[i]));
  }
  return double{off} / double{largest};
}

struct RecordedMedia {
  media::Image image;
  media::Audio audio;
};

// With empty ones if the file cannot be read.
inline RecordedMedia read_recorded_media(const std::string& name) {
  RecordedFile file(name + ".media", "ETBMED1\n");
  RecordedMedia recorded;
  recorded.image.width = file.number();
  recorded.image.height = file.number();
  if (!file.good()) return {};
  recorded.image.rgb.resize(size_t{recorded.image.width} * recorded.image.height * 3);
  file.read(recorded.image.rgb.data(), recorded.image.rgb.size());
  recorded.audio.batch = file.number();
  recorded.audio.bins = file.number();
  recorded.audio.frames = file.number();
  if (!file.good()) return {};
  recorded.audio.values.resize(size_t{recorded.audio.batch} * recorded.audio.bins *
                               recorded.audio.frames);
  file.read(recorded.audio.values.data(), recorded.audio.values.size() * sizeof(float));
  return file.good() ? recorded : RecordedMedia();
}

}  // namespace etb::runner
