#include "runner/source_hash.h"

#include "model/cache_files.h"

namespace etb::runner {

Result<model::StreamHash> hash_of(const ModelSource& source, std::span<const uint8_t> program) {
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
  model::add_identity(hash, *source.file);
  for (const auto& file : source.data) model::add_identity(hash, *file);
  hash.add(program);
  return hash;
}

}  // namespace etb::runner
