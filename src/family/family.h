// What sets one model family apart, as one row of data: which tensors a source file has and what
// becomes of them, how its heads are rotated, which keys it may carry and what their absence means,
// how its turns end. Code that branches on an architecture's name exists nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace etb::family {

// Sizes a tensor may have; the numbers come from the file's own keys.
enum class Dim { One, Width, Ffn, QWidth, KvWidth, HeadDim, Vocab };

// How q and k rows stand in the source: pairs (2i, 2i+1), which the importer turns back into
// (i, i + n_rot/2), or already so.
enum class RopePairs { Interleaved, Halves };

enum class TensorKind { Matrix, Vector };

// One canonical tensor and where it comes from. A fused source tensor (phi3: attn_qkv) serves
// several rules: each takes `rows` rows after those of `skip`.
struct TensorRule {
  std::string_view name;    // canonical; in a layer it follows "blk.N."
  std::string_view source;  // the GGUF name without its suffix
  std::string_view suffix = ".weight";
  TensorKind kind = TensorKind::Matrix;
  Dim rows = Dim::One;
  Dim cols = Dim::Width;
  std::span<const Dim> skip = {};
  bool rotated = false;   // q and k: RopePairs applies to its rows
  bool optional = false;  // output: absent means tied to token_embd
};

enum class ActivationKind { Silu, GeluTanh };

// Which tensors of factors, n_rot / 2 each, the rotation's frequencies are divided by if the file
// has them: rope_freqs, or one of rope_factors_short and rope_factors_long by the context's length.
enum class RopeFactors { None, One, ShortAndLong };

struct FamilyRow {
  std::string_view architecture;  // general.architecture
  RopePairs rope = RopePairs::Halves;
  RopeFactors rope_factors = RopeFactors::None;
  ActivationKind activation = ActivationKind::Silu;
  bool scale_embedding = false;  // by sqrt(width)
  // Sliding windows. Of `window_pattern` layers each all but the last see only the window; 0: every
  // layer sees only it; both are defaults of keys. A family without windows does not know the key.
  uint32_t window_pattern = 0;
  uint32_t window = 0;
  // Layers with a window rotate with a base of their own (default of a key) and without the
  // factors and scaling of the others; 0: as the others do.
  double window_rope_base = 0;
  // Bounds of scores and logits, defaults of keys; 0: none.
  double attention_softcap = 0;
  double final_softcap = 0;
  // The model with so many layers scales its queries by width / heads instead of head_dim.
  uint32_t width_scaled_layers = 0;
  std::span<const TensorRule> model_tensors;
  std::span<const TensorRule> layer_tensors;
  // Keys below "ARCH." that the importer reads or that change nothing, besides the common ones; any
  // other whose value is not neutral (0, false, empty) is refused, since it may change the
  // mathematics.
  std::span<const std::string_view> own_keys = {};
  // Texts that end a turn; those that are control tokens of the vocabulary become stop ids.
  std::span<const std::string_view> stop_texts;
};

std::span<const FamilyRow> families();
// The keys that every family may carry.
std::span<const std::string_view> common_keys();
// Null if the architecture is not known.
const FamilyRow* find_family(std::string_view architecture);
// "llama, ..." for messages.
std::string known_architectures();

}  // namespace etb::family
