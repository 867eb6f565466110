// The key under which a model's rows are kept: what they depend on, and nothing else.
#pragma once

#include "kv/descriptor.h"
#include "kv/rows.h"
#include "model/manifest.h"

namespace etb::kv {

// Key over weights (their checksums), shape, KV type and kRowsVersion. Not over context length,
// prefill chunk, name, tokenizer or template: files that differ in these alone share their rows.
// Precondition: the manifest is valid and `descriptor` is of its program.
ModelTag model_tag(const model::Manifest& manifest, const Descriptor& descriptor);

}  // namespace etb::kv
