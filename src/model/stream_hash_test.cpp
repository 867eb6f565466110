// However the pieces are cut, the hash is that of the whole.
#include "model/stream_hash.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <vector>

namespace etb::model {
namespace {

TEST(StreamHash, AnyCutGivesTheHashOfTheWhole) {
  std::vector<uint8_t> bytes(5000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  const std::span<const uint8_t> all(bytes);
  StreamHash hash = StreamHash::create().value();
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{240}, size_t{1024}, bytes.size()}) {
    hash.restart();
    hash.add(all.first(cut));
    hash.add(all.subspan(cut));
    EXPECT_EQ(hash.value(), XXH3_64bits(bytes.data(), bytes.size())) << cut;
  }
}

TEST(StreamHash, GoesOnAfterItWasAsked) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  StreamHash hash = StreamHash::create().value();
  EXPECT_EQ(hash.value(), XXH3_64bits(nullptr, 0));
  hash.add(std::span(bytes).first(1));
  EXPECT_EQ(hash.value(), XXH3_64bits(bytes.data(), 1));
  hash.add(std::span(bytes).subspan(1));
  const StreamHash moved = std::move(hash);
  EXPECT_EQ(moved.value(), XXH3_64bits(bytes.data(), 3));
}

}  // namespace
}  // namespace etb::model
