// Weights as XNNPACK packs them, made once and kept in a file of the cache folder: a later load
// maps that file instead of packing, so that it is quick and its pages are clean and shared.
//
// The backend's own cache of packed weights is what reads and writes. It trusts what it reads, and
// the names of weights; so each model has a file of its own, whose name is a key over who the model
// file and its .ptd files are (model/cache_files.h), its whole program part (in which exporters
// name weights by their content), the runtime's version and the processor, and the file ends with a
// checksum that is compared before the backend sees it. The weights themselves are not read for the
// key: a load may not cost what it saves. What the backend packs it writes into a file in memory,
// which becomes the cache's atomically: neither a full disk nor a killed process leaves anything
// half written, and several processes at once write the same bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "platform/held_file.h"
#include "platform/mapped_file.h"
#include "runner/model_source.h"

namespace etb::runner {

class PackedWeights {
 public:
  // The kept file, or one in memory that the backend will fill. `program`: the model's program
  // part. `folder`: empty: packed weights are kept no longer than this lives. An error only costs
  // what this is for: the backend then packs for each method anew.
  static Result<std::unique_ptr<PackedWeights>> open(const ModelSource& model,
                                                     std::span<const uint8_t> program,
                                                     const std::string& folder);

  // What the backend is told as its "packed_cache_path"; valid while this lives, until keep().
  std::string path() const { return file_.path(); }
  // Mapped from the cache folder.
  bool is_kept() const { return kept_; }
  // Writes what the backend has packed to the folder and goes on with that file. Precondition: no
  // method is loaded with path(). Failures are logged: then things stay as they are.
  void keep();

 private:
  PackedWeights(std::string folder, std::string name, uint64_t key, HeldFile file)
      : folder_(std::move(folder)), name_(std::move(name)), key_(key), file_(std::move(file)) {}
  Status write(std::span<const uint8_t> packed) const;
  Status open_kept();

  std::string folder_, name_;
  uint64_t key_;
  HeldFile file_;
  bool kept_ = false;
};

}  // namespace etb::runner
