// GGUF models with random weights: any family's tensors, any size, any mix of block types, with a
// small working vocabulary. The same spec gives the same bytes on every machine. Nothing sensible
// comes out of such a model, but it runs, and its logits are finite.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "layout/gguf_blocks.h"
#include "support/gguf_writer.h"

namespace etb::test {

enum class RandomVocab { Bpe, SentencePiece };

struct RandomGgufSpec {
  std::string architecture = "llama";  // or qwen2, qwen3, gemma2, gemma3, phi3
  std::string name = "Random";
  uint32_t layers = 2;
  uint32_t width = 64;
  uint32_t ffn = 96;
  uint32_t heads = 4;
  uint32_t kv_heads = 2;
  uint32_t head_dim = 16;
  uint32_t n_rot = 0;    // 0: the whole head
  uint32_t vocab = 320;  // at least 300
  uint32_t context = 512;
  float rope_base = 10000.0f;
  float eps = 1e-5f;
  bool own_head = false;
  std::vector<const char*> rope_factors = {};  // tensors of factors between 1 and 8
  layout::GgmlType matrices = layout::GgmlType::Q4_1;
  layout::GgmlType embedding = layout::GgmlType::Q8_0;  // and the own head
  std::map<std::string, layout::GgmlType> types = {};   // by "attn_v", "blk.1.ffn_down", ..
  RandomVocab tokenizer = RandomVocab::Bpe;
  std::string pre = "smollm";
  bool add_bos = false;
  // Of Bpe: the text of token 0, as the user's own token; empty: <|endoftext|>.
  std::string first_token = {};
  std::string chat_template = "default";  // ChatML; empty: none
  uint64_t seed = 1;
  // Adds or replaces nothing by itself: called before the tensor table is written.
  std::function<void(GgufWriter&)> extra_keys = {};
};

// In pieces, so that size is no matter. InvalidArgument: an unknown architecture, a vocabulary that
// is too small, a type that does not fit a tensor's rows.
Status write_random_gguf(const RandomGgufSpec& spec,
                         const std::function<Status(std::string_view)>& sink);

// For small ones. Precondition: the spec is right (aborts otherwise: this is for tests).
std::string random_gguf(const RandomGgufSpec& spec);

}  // namespace etb::test
