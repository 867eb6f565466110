// Who a model is, cheaply: its files and its program, in a hash that more may be added to.
// Exporters name weights by their content in the program, so the weights themselves are not read.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "model/stream_hash.h"
#include "runner/model_source.h"

namespace etb::runner {

// `program`: the model's program part. OutOfMemory.
Result<model::StreamHash> hash_of(const ModelSource& source, std::span<const uint8_t> program);

}  // namespace etb::runner
