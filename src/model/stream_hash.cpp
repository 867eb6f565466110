#include "model/stream_hash.h"

#include <xxhash.h>

namespace etb::model {

Result<StreamHash> StreamHash::create() {
  XXH3_state_t* const state = XXH3_createState();
  if (state == nullptr) return Status(StatusCode::OutOfMemory, "no memory for a checksum's state");
  return StreamHash(state);
}

void StreamHash::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

void StreamHash::restart() {
  XXH3_64bits_reset(state_.get());
}

void StreamHash::add(std::span<const uint8_t> bytes) {
  XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
}

uint64_t StreamHash::value() const {
  return XXH3_64bits_digest(state_.get());
}

}  // namespace etb::model
