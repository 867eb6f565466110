// What kind of model file a .pte is, how its methods want to be called, and what it needs that this
// build may not have. Pure: works on the summary alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/pte_summary.h"

namespace etb::model {

enum class FileKind {
  Own,           // written by our importer: tokenizer, template and manifest are inside
  ExportLlm,     // stock, `tokens` and one start position
  Optimum,       // stock, `input_ids` and a position for each token
  OtherText,     // answers tokens with logits, but says too little about itself to tell
  Multimodal,    // has encoders or takes embeddings
  MetadataOnly,  // no method that computes
  Unknown,       // computes something that is no language model
};

std::string_view kind_name(FileKind kind);

// How a method that turns tokens into logits is called.
struct TextMethod {
  std::string name;
  ScalarType token_type = ScalarType::Long;
  uint64_t most_tokens = 1;      // of one call
  bool dynamic_tokens = false;   // any number up to most_tokens
  bool has_positions = false;    // a second input; without one there is no KV cache
  bool position_vector = false;  // a position for each token rather than the first one's
  bool all_positions = false;    // logits of every token, [1,S,V], rather than of the last
  bool embeddings = false;       // takes rows of embeddings instead of ids (media_methods.h)
  uint64_t vocab = 0;
};

struct Capabilities {
  FileKind kind = FileKind::Unknown;
  std::vector<TextMethod> text_methods;  // `forward` first
  std::optional<uint64_t> context;       // get_max_context_len, else get_max_seq_len
  std::vector<int64_t> eos_ids;          // union of get_eos_ids and get_eos_id
  std::optional<int64_t> bos_id;
  std::vector<std::string> operators;  // needed by all methods together, each once, sorted
  std::vector<std::string> backends;
};

Capabilities capabilities_of(const PteSummary& summary);

struct Missing {
  std::vector<std::string> operators;
  std::vector<std::string> backends;
  bool none() const { return operators.empty() && backends.empty(); }
};

// Whether this build has the operator or backend of that name.
using Has = bool (*)(std::string_view name);
Missing missing_from(const Capabilities& needs, Has operator_there, Has backend_there);

}  // namespace etb::model
