// Everything a model file carries, opened and checked but not yet running: the mapping, the
// manifest, the tokenizer, the chat template. A .gguf is imported into the cache first, once; of a
// stock file the latter two lie beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "base/token_id.h"
#include "family/chat_format.h"
#include "media/recipe.h"
#include "model/manifest.h"
#include "model/media_methods.h"
#include "model/pte_file.h"
#include "platform/mapped_file.h"
#include "prompt/chat_template.h"
#include "token/tokenizer.h"

namespace etb {

// done of total bytes of the stage named, e.g. "importing". May be empty.
using LoadProgress = std::function<void(std::string_view stage, uint64_t done, uint64_t total)>;

// What stands in a prompt for an image or a sound: as family::MediaFormat has it.
struct MediaMarks {
  std::string placeholder, before, after;
};

// In which forms a chat template takes a message's content: as a text, as a list of parts.
struct ContentForms {
  bool text = true;
  bool parts = false;
};

struct ModelBundle {
  std::string path;                           // of the .pte that is mapped
  std::shared_ptr<const model::PteFile> pte;  // holds the mapping
  // .ptd files that hold weights of a stock model.
  std::vector<std::shared_ptr<const MappedFile>> data = {};
  model::Manifest manifest;
  std::shared_ptr<const token::Tokenizer> tokenizer;  // null only if ids_only was asked for
  // The one that was asked for, else the file's, else the built-in one that its vocabulary tells;
  // null: there is none.
  std::shared_ptr<const prompt::ChatTemplate> chat_template;
  const family::ChatFormat* format = nullptr;  // that the vocabulary tells, whatever the template
  const family::ChatFormat* chosen = nullptr;  // whose built-in template was asked for
  std::optional<TokenId> answer_end = {};      // what the template writes behind an answer
  const family::ReasoningPair* reasoning = nullptr;  // null: the model's answers are text alone
  const family::CallFormat* calls = nullptr;         // null: how it calls tools is not known
  model::MediaMethods media;                         // without encoders for a model of text alone
  media::ImageRecipe recipe = {};                    // how images are prepared
  MediaMarks image_marks = {}, audio_marks = {};
  ContentForms content = {};
};

// By its first bytes, whatever it is called: a .gguf, or a model file of either kind.
bool is_gguf(const MappedFile& file);
bool is_model_file(const MappedFile& file);

// What a model says a chat is written like. A template that does not parse is as if there were none
// (null), and the log says why. `name` for the log.
std::shared_ptr<const prompt::ChatTemplate> read_chat_template(std::string_view name,
                                                               std::string_view text);

// The .pte to map for a model path: itself, or the cached import of a .gguf.
Result<std::string> resolve_model(const std::string& path, const LoadProgress& progress,
                                  const CancelToken* cancel);

struct BundlePaths {
  std::string model;           // a .gguf, one of our .pte files, or a stock one
  std::string tokenizer = {};  // of a stock one, if it is not in the model's folder
  // .ptd files with weights of a stock one; empty: the one beside it of the same stem, if any.
  std::vector<std::string> data = {};
  bool ids_only = false;  // a stock one without a tokenizer opens too
  // Instead of the model's own: a built-in one by its name, or a file (choose_template()).
  std::string chat_template = {};
};
Result<ModelBundle> open_bundle(const BundlePaths& paths, const LoadProgress& progress,
                                const CancelToken* cancel);

}  // namespace etb
