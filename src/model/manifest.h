// What our own .pte says about its model: everything needed to write the program part again, to
// feed the model, and to check the file. Stored as text, one `key value...` a line, in the named
// data `etb.manifest`. The parser treats the text as hostile: a Manifest it returns is within the
// limits below and consistent in itself (not yet with the file's size: see PteFile).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"

namespace etb::model {

inline constexpr std::string_view kManifestKey = "etb.manifest";
inline constexpr std::string_view kTokenizerKey = "etb.tokenizer";
inline constexpr std::string_view kTemplateKey = "etb.chat_template";

inline constexpr uint32_t kManifestVersion = 2;
inline constexpr uint32_t kContextAlign = 64;  // the KV layout's unit of positions

// The numbers are arguments of the operators and stand in files: append only.
enum class Activation : int64_t { Silu = 0, GeluTanh = 1 };
// How keys and values are kept. AsExported: as a stock program has them, of no one type; never in a
// manifest.
enum class KvType : int64_t { F16 = 0, AsExported = 1 };

std::string_view kv_type_name(KvType type);

struct ModelShape {
  uint32_t layers = 0;
  uint32_t width = 0;  // of the residual stream
  uint32_t ffn = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t n_rot = 0;  // rotated dims of a head
  uint32_t vocab = 0;
  uint32_t context_train = 0;
  // Longer contexts rotate by the tensor inv_freq_long; 0: there is only one set of frequencies.
  uint32_t rope_original_context = 0;
  double eps = 0;
  double rope_base = 0;  // for people: inv_freq is stored as a tensor, factors included
  double rope_magnitude = 1;
  double embed_scale = 1;
  double attention_scale = 0;
  double attention_softcap = 0;  // scores stay within it; 0: no bound
  double final_softcap = 0;      // logits likewise
  // A layer each: positions that a query sees, its own included; 0: all before it. Empty: no layer
  // has a window.
  std::vector<uint32_t> windows = {};
  Activation activation = Activation::Silu;

  uint32_t window(uint32_t layer) const { return windows.empty() ? 0 : windows[layer]; }
  // Whether a program for `context` positions (padded) rotates by inv_freq_long.
  bool rotates_long(uint32_t context) const {
    return rope_original_context != 0 && context > rope_original_context;
  }
};

// Only defaults: the loader writes the program again for others.
struct ProgramDefaults {
  uint32_t context = 0;
  uint32_t chunk = 0;  // most tokens of one forward
  KvType kv_type = KvType::F16;
};

struct SpecialTokens {
  std::optional<TokenId> bos = {};
  std::optional<TokenId> eos = {};
  std::vector<TokenId> stop = {};  // every id that ends an answer, eos included
  bool add_bos = false;
};

// One constant. Names are canonical whatever the source called them: token_embd, output_norm,
// output (absent: the head is token_embd), inv_freq, inv_freq_long (for contexts beyond
// rope_original_context), inv_freq_window (for layers with a window, if they rotate differently),
// and for each layer blk.N.{attn_norm, attn_q, attn_k, attn_v, attn_output, ffn_norm, ffn_gate,
// ffn_up, ffn_down}, in some families also attn_{q,k,v}_bias, attn_{q,k}_norm (of each head),
// attn_post_norm and ffn_post_norm (of what is added to the residual stream).
struct TensorEntry {
  std::string name;
  // A weight format ("w4a": a blob with its header), or "vector": plain f32[cols], rows = 1.
  std::string format;
  uint64_t rows = 0;
  uint64_t cols = 0;
  uint64_t offset = 0;  // in the constant segment, a multiple of 64
  uint64_t bytes = 0;   // blob header included
  // XXH3-64 of the data: all bytes of a vector; of a blob those after its header, which repeats it.
  uint64_t checksum = 0;
  bool is_vector() const { return format == "vector"; }
};

struct Manifest {
  uint32_t version = kManifestVersion;
  std::string family;        // "llama": a row of family/family.h
  std::string name;          // general.name, one line
  std::string source_type;   // the block types in the source, most bytes first: "Q4_1 Q8_0 F32"
  uint64_t source_hash = 0;  // XXH3-64 of the source file's bytes (all parts of a split file)
  uint64_t source_bytes = 0;
  uint64_t tokenizer_hash = 0;  // XXH3-64 of the segment etb.tokenizer
  uint64_t template_hash = 0;   // of etb.chat_template; an empty one has a hash too
  ModelShape shape;
  ProgramDefaults defaults;
  SpecialTokens tokens;
  uint64_t constant_bytes = 0;       // size of the constant segment
  std::vector<TensorEntry> tensors;  // in the order of their offsets

  // Null if there is none.
  const TensorEntry* find(std::string_view tensor) const;
};

// Rounded up to kContextAlign: what the program and the KV memory are planned for.
uint32_t padded_context(uint32_t context);
// Of all layers, at `context` positions (padded).
uint64_t kv_bytes(const ModelShape& shape, KvType type, uint32_t context);
// What one more position costs, all layers.
uint64_t kv_bytes_per_token(const ModelShape& shape, KvType type);

// InvalidArgument names the field that is out of its limits, its value and the limit. What passes
// here, the kernels take.
Status validate(const Manifest& manifest);
// Precondition: validate() is Ok. Checksums have a fixed width, so they can be filled in later.
// The last line is `end HASH`, the XXH3-64 of all lines before it.
std::string serialize(const Manifest& manifest);
// Corrupt names the line and what is wrong with it; Unsupported an unknown version.
Result<Manifest> parse_manifest(std::string_view text);
// `lines` with the closing line that makes them a manifest (for tests and fuzzing).
std::string seal_manifest(std::string_view lines);

}  // namespace etb::model
