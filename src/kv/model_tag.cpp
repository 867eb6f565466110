#include "kv/model_tag.h"

#include <xxhash.h>

#include <algorithm>

#include "base/text.h"

namespace etb::kv {

ModelTag model_tag(const model::Manifest& manifest, const Descriptor& descriptor) {
  model::Manifest kept = manifest;
  kept.name.clear();
  kept.source_type.clear();
  kept.source_hash = kept.source_bytes = kept.tokenizer_hash = kept.template_hash = 0;
  kept.defaults = {model::kContextAlign, 1, descriptor.type()};
  kept.tokens = {};
  const std::string_view rotation =
      manifest.shape.rotates_long(descriptor.context()) ? " rotated long" : "";
  const std::string text = concat("rows ", kRowsVersion, rotation, "\n", model::serialize(kept));
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  return {hash == 0 ? 1 : hash, manifest.name, descriptor.type(), descriptor.row_layout()};
}

}  // namespace etb::kv
