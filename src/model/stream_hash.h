// XXH3-64 of bytes that come in pieces: what every checksum in our files is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"

struct XXH3_state_s;

namespace etb::model {

class StreamHash {
 public:
  // OutOfMemory: no room for its state of half a kilobyte.
  static Result<StreamHash> create();

  void add(std::span<const uint8_t> bytes);
  uint64_t value() const;  // of all bytes so far; more may follow
  void restart();

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  explicit StreamHash(XXH3_state_s* state) : state_(state) { restart(); }

  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace etb::model
