// Serves a program and its segments to the runtime out of one read-only mapping: no copy, no lock,
// no read. A program part made in memory may stand in for the file's own.
#pragma once

#include <cstddef>

#include <executorch/runtime/core/data_loader.h>

#include "runner/model_source.h"

namespace etb::runner {

class MappedLoader final : public executorch::runtime::DataLoader {
 public:
  // `source` must outlive the loader; source.file is not null.
  explicit MappedLoader(const ModelSource& source) : source_(source) {}

  executorch::runtime::Result<executorch::runtime::FreeableBuffer> load(
      size_t offset, size_t size, const SegmentInfo& info) const override;
  executorch::runtime::Error load_into(size_t offset, size_t size, const SegmentInfo& info,
                                       void* buffer) const override;
  executorch::runtime::Result<size_t> size() const override;

 private:
  const ModelSource& source_;
};

}  // namespace etb::runner
