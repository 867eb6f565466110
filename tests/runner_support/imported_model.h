// A GGUF as a runner's test wants it: imported once a program into a temporary file, and loaded
// with the context, chunk, threads and kernel path of choice.
#pragma once

#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "import/importer.h"
#include "import/program.h"
#include "model/pte_file.h"
#include "runner/text_runner.h"

namespace etb::runner::testing {

class ImportedModel {
 public:
  explicit ImportedModel(const std::string& gguf) {
    std::random_device random;
    const auto name = "etb_imported_" + std::to_string(random()) + ".pte";
    path_ = (std::filesystem::temp_directory_path() / name).string();
    const auto report = import::import_gguf(gguf, path_, {});
    if (!report.ok()) error_ = report.status().to_string();
  }
  ~ImportedModel() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ImportedModel(const ImportedModel&) = delete;
  ImportedModel& operator=(const ImportedModel&) = delete;

  const std::string& error() const { return error_; }  // empty if the import went well
  std::shared_ptr<MappedFile> map() const { return MappedFile::open(path_).value(); }

  Result<model::Manifest> manifest() const {
    ETB_ASSIGN_OR_RETURN(const model::PteFile pte, model::PteFile::from(map()));
    return pte.manifest();
  }

  // The file with another context and chunk than it has by default.
  Result<std::shared_ptr<TextRunner>> load(uint32_t context, uint32_t chunk,
                                           const RunnerOptions& options) const {
    ETB_ASSIGN_OR_RETURN(const model::PteFile pte, model::PteFile::from(map()));
    ETB_ASSIGN_OR_RETURN(const model::Manifest described, pte.manifest());
    import::ProgramOptions wanted;
    wanted.context = context;
    wanted.chunk = chunk;
    wanted.segment_base = pte.header().segment_base;
    for (const std::string_view key :
         {model::kManifestKey, model::kTokenizerKey, model::kTemplateKey}) {
      if (!pte.has_named_data(key)) continue;
      ETB_ASSIGN_OR_RETURN(const auto data, pte.named_data(key));
      wanted.named.push_back({std::string(key), data.size()});
    }
    ETB_ASSIGN_OR_RETURN(std::vector<uint8_t> program, import::emit_program(described, wanted));
    return TextRunner::load({.file = map(), .program = std::move(program)}, options);
  }

 private:
  std::string path_;
  std::string error_;
};

}  // namespace etb::runner::testing
