// The graph of docs/design/data-path.md as a Program: which values, which calls, where memory lies.
#include "import/program.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "family/family.h"
#include "import/pte_writer.h"
#include "import/tensor_sizes.h"
#include "layout/layout.h"
#include "layout/scratch.h"
#include "model/pte_header.h"

namespace etb::import {
namespace {

using model::Manifest;
using model::ModelShape;
using model::TensorEntry;

constexpr uint64_t kPlanAlign = 64;
// A layer's KV begins on a page of any machine, so that its pages can be given back alone.
constexpr uint64_t kKvAlign = 16384;
constexpr uint64_t kMaxPlanned = uint64_t{1} << 40;
// Room behind the program for one that a later version writes larger.
constexpr uint64_t kHeadroom = 16384;
constexpr uint32_t kActivations = 1;  // memory ids
constexpr uint32_t kKv = 2;

constexpr std::string_view kFrequencies = "inv_freq";
constexpr std::string_view kLongFrequencies = "inv_freq_long";
constexpr std::string_view kWindowFrequencies = "inv_freq_window";

enum OperatorIndex : int32_t { kEmbed, kRopeTable, kAttention, kMlp, kHead };
const std::array<Operator, 5> kOperators = {{
    {"etb::embed", "out"},
    {"etb::rope_table", "out"},
    {"etb::attention", "out"},
    {"etb::mlp", "out"},
    {"etb::head", "out"},
}};

constexpr uint64_t round_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

struct Sizes {
  uint32_t context = 0;  // padded
  uint32_t chunk = 0;
  model::KvType kv_type{};
};

// Places of the activations in memory id 1. Scratch is dead once the head has read its input, so
// the logits lie over the part of it that the head itself does not use.
struct ActivationPlan {
  uint64_t x = 0;
  uint64_t rope = 0;
  uint64_t window_rope = 0;  // as large; only where layers with a window rotate differently
  uint64_t scratch = 0;
  uint64_t scratch_bytes = 0;
  uint64_t head_scratch_bytes = 0;
  uint64_t logits = 0;
  uint64_t end = 0;
};

struct Wanted {
  bool window_rope;
  uint64_t logits_rows;
};

ActivationPlan plan_activations(const ModelShape& s, const Sizes& sizes, const Wanted& wanted) {
  const uint64_t chunk = sizes.chunk;
  ActivationPlan plan;
  plan.rope = round_up(chunk * s.width * 4, kPlanAlign);
  const uint64_t table = round_up(chunk * s.n_rot * 4, kPlanAlign);
  plan.window_rope = plan.rope + table;
  plan.scratch = plan.window_rope + (wanted.window_rope ? table : 0);
  plan.scratch_bytes = round_up(
      std::max(layout::attention_scratch_bytes({chunk, s.width, s.heads, s.kv_heads, s.head_dim}),
               layout::mlp_scratch_bytes(chunk, s.width, s.ffn)),
      kPlanAlign);
  plan.head_scratch_bytes = round_up(layout::head_scratch_bytes(chunk, s.width), kPlanAlign);
  plan.logits = plan.scratch + plan.head_scratch_bytes;
  plan.end =
      std::max(plan.scratch + plan.scratch_bytes, plan.logits + wanted.logits_rows * s.vocab * 4);
  return plan;
}

// Builds one of the two forwards.
class ForwardBuilder {
 public:
  ForwardBuilder(const Manifest& manifest, const TensorIndex& index, const Sizes& sizes,
                 bool last_only)
      : m_(manifest), index_(index), sizes_(sizes), last_only_(last_only) {}

  Result<Method> build() {
    const ModelShape& s = m_.shape;
    plan_ = plan_activations(
        s, sizes_,
        {index_.find(kWindowFrequencies) != nullptr, last_only_ ? 1 : uint64_t{sizes_.chunk}});
    method_.name = last_only_ ? "forward" : "forward_all";
    method_.operators.assign(kOperators.begin(), kOperators.end());
    add_shared_values();
    ETB_RETURN_IF_ERROR(add_beginning());
    for (uint32_t layer = 0; layer < s.layers; ++layer) {
      ETB_RETURN_IF_ERROR(add_attention(layer));
      ETB_RETURN_IF_ERROR(add_mlp(layer));
    }
    ETB_RETURN_IF_ERROR(add_head());
    method_.inputs = {tokens_, position_};
    const uint64_t kv = layer_kv_bytes() * s.layers;
    if (plan_.end > kMaxPlanned || kv > kMaxPlanned) {
      return Status(StatusCode::InvalidArgument,
                    concat("a context of ", sizes_.context, " and chunks of ", sizes_.chunk,
                           " tokens need more memory than can be planned"));
    }
    method_.planned_bytes = {plan_.end, kv};
    if (!fits_) {
      return Status(StatusCode::InvalidArgument,
                    concat("chunks of ", sizes_.chunk, " tokens or a context of ", sizes_.context,
                           " make a tensor of more than 2^31 elements a dimension"));
    }
    return std::move(method_);
  }

 private:
  int32_t add(Value value) {
    method_.values.push_back(std::move(value));
    return static_cast<int32_t>(method_.values.size() - 1);
  }
  // A dimension; remembers one that does not fit.
  int32_t dim(uint64_t size) {
    fits_ &= size <= INT32_MAX;
    return static_cast<int32_t>(size & INT32_MAX);
  }
  // Bytes as a tensor's sizes: one dimension while they fit it. Blobs and scratch are multiples
  // of 16 bytes.
  std::vector<int32_t> byte_sizes(uint64_t bytes) {
    if (bytes <= INT32_MAX) return {dim(bytes)};
    return {dim(bytes / 16), 16};
  }
  int32_t add_planned(ScalarType type, std::vector<int32_t> sizes, uint64_t offset, bool dynamic) {
    return add(TensorValue{.type = type,
                           .sizes = std::move(sizes),
                           .dynamic = dynamic,
                           .allocation = Allocation{kActivations, offset}});
  }

  Result<int32_t> add_constant(std::string_view name) {
    const TensorEntry* entry = index_.find(name);
    if (entry == nullptr) {
      return Status(StatusCode::InvalidArgument, concat("the manifest has no tensor '", name, "'"));
    }
    const auto index = static_cast<uint32_t>(entry - m_.tensors.data()) + 1;
    TensorValue value{.type = ScalarType::Byte, .sizes = byte_sizes(entry->bytes)};
    if (entry->is_vector()) value = {.type = ScalarType::Float, .sizes = {dim(entry->cols)}};
    value.constant = index;
    return add(std::move(value));
  }

  Status add_constants(std::vector<int32_t>& arguments, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      ETB_ASSIGN_OR_RETURN(const int32_t value, add_constant(name));
      arguments.push_back(value);
    }
    return {};
  }

  // Those of `names` that the model has; none in place of the others.
  Status add_optional(std::vector<int32_t>& arguments, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (index_.find(name) == nullptr) {
        arguments.push_back(none_);
        continue;
      }
      ETB_RETURN_IF_ERROR(add_constants(arguments, {name}));
    }
    return {};
  }

  void add_shared_values() {
    const ModelShape& s = m_.shape;
    const int32_t chunk = dim(sizes_.chunk);
    tokens_ = add(TensorValue{.type = ScalarType::Long, .sizes = {1, chunk}, .dynamic = true});
    position_ = add(TensorValue{.type = ScalarType::Long, .sizes = {1}});
    x_ = add_planned(ScalarType::Float, {chunk, dim(s.width)}, plan_.x, true);
    scratch_ = add_planned(ScalarType::Byte, byte_sizes(plan_.scratch_bytes), plan_.scratch, false);
    eps_ = add(s.eps);
    none_ = add(None());
    // Int arguments of attention from heads to context, in the operator's order.
    for (const int64_t number : {int64_t{s.heads}, int64_t{s.kv_heads}, int64_t{s.head_dim},
                                 int64_t{s.n_rot}, int64_t{sizes_.context}}) {
      attention_ints_.push_back(add(number));
    }
    kv_type_ = add(static_cast<int64_t>(sizes_.kv_type));
    attention_scale_ = add(s.attention_scale);
    attention_softcap_ = add(s.attention_softcap);
    activation_ = add(static_cast<int64_t>(s.activation));
  }

  Status add_beginning() {
    ETB_ASSIGN_OR_RETURN(const int32_t table, add_constant("token_embd"));
    embedding_ = table;
    const int32_t scale = add(m_.shape.embed_scale);
    method_.calls.push_back({kEmbed, {tokens_, table, scale, x_}});
    const bool rotates_long = m_.shape.rotates_long(sizes_.context);
    ETB_ASSIGN_OR_RETURN(
        rope_, add_rope_table(rotates_long ? kLongFrequencies : kFrequencies, plan_.rope));
    window_rope_ = rope_;
    if (index_.find(kWindowFrequencies) == nullptr) return {};
    ETB_ASSIGN_OR_RETURN(window_rope_, add_rope_table(kWindowFrequencies, plan_.window_rope));
    return {};
  }

  Result<int32_t> add_rope_table(std::string_view frequencies, uint64_t offset) {
    ETB_ASSIGN_OR_RETURN(const int32_t inv_freq, add_constant(frequencies));
    const int32_t magnitude = add(m_.shape.rope_magnitude);
    const int32_t table =
        add_planned(ScalarType::Float, {dim(sizes_.chunk), dim(m_.shape.n_rot)}, offset, true);
    method_.calls.push_back({kRopeTable, {tokens_, position_, inv_freq, magnitude, table}});
    return table;
  }

  uint64_t layer_kv_bytes() const {
    const ModelShape& s = m_.shape;
    return round_up(uint64_t{s.kv_heads} * s.head_dim * sizes_.context * 2 * sizeof(uint16_t),
                    kKvAlign);
  }

  Status add_attention(uint32_t layer) {
    const ModelShape& s = m_.shape;
    const std::string prefix = concat("blk.", layer, ".");
    const uint32_t window = s.window(layer);
    std::vector<int32_t> arguments = {x_, window != 0 ? window_rope_ : rope_, position_};
    ETB_RETURN_IF_ERROR(
        add_constants(arguments, {prefix + "attn_norm", prefix + "attn_q", prefix + "attn_k",
                                  prefix + "attn_v", prefix + "attn_output"}));
    ETB_RETURN_IF_ERROR(add_optional(
        arguments, {prefix + "attn_q_bias", prefix + "attn_k_bias", prefix + "attn_v_bias",
                    prefix + "attn_q_norm", prefix + "attn_k_norm", prefix + "attn_post_norm"}));
    const uint64_t row = uint64_t{sizes_.context} * s.head_dim * sizeof(uint16_t);
    arguments.push_back(add(TensorValue{.type = ScalarType::Byte,
                                        .sizes = {dim(2 * uint64_t{s.kv_heads}), dim(row)},
                                        .allocation = Allocation{kKv, layer * layer_kv_bytes()},
                                        .name = concat("kv.", layer)}));
    arguments.push_back(scratch_);
    arguments.insert(arguments.end(), attention_ints_.begin(), attention_ints_.end());
    arguments.push_back(add(int64_t{window}));
    arguments.insert(arguments.end(), {kv_type_, eps_, attention_scale_, attention_softcap_, x_});
    method_.calls.push_back({kAttention, std::move(arguments)});
    return {};
  }

  Status add_mlp(uint32_t layer) {
    const std::string prefix = concat("blk.", layer, ".");
    std::vector<int32_t> arguments = {x_};
    ETB_RETURN_IF_ERROR(add_constants(arguments, {prefix + "ffn_norm", prefix + "ffn_gate",
                                                  prefix + "ffn_up", prefix + "ffn_down"}));
    ETB_RETURN_IF_ERROR(add_optional(arguments, {prefix + "ffn_post_norm"}));
    arguments.insert(arguments.end(), {scratch_, activation_, eps_, x_});
    method_.calls.push_back({kMlp, std::move(arguments)});
    return {};
  }

  Status add_head() {
    const bool own = index_.find("output") != nullptr;
    std::vector<int32_t> arguments = {x_};
    ETB_RETURN_IF_ERROR(add_constants(arguments, {"output_norm"}));
    if (own) ETB_RETURN_IF_ERROR(add_constants(arguments, {"output"}));
    if (!own) arguments.push_back(embedding_);
    const int32_t scratch =
        add_planned(ScalarType::Byte, byte_sizes(plan_.head_scratch_bytes), plan_.scratch, false);
    const int32_t last_only = add(int64_t{last_only_ ? 1 : 0});
    const int32_t vocab = dim(m_.shape.vocab);
    const std::vector<int32_t> sizes = last_only_
                                           ? std::vector<int32_t>{1, vocab}
                                           : std::vector<int32_t>{1, dim(sizes_.chunk), vocab};
    const int32_t logits = add_planned(ScalarType::Float, sizes, plan_.logits, !last_only_);
    const int32_t softcap = add(m_.shape.final_softcap);
    arguments.insert(arguments.end(), {scratch, last_only, eps_, softcap, logits});
    method_.calls.push_back({kHead, std::move(arguments)});
    method_.outputs = {logits};
    return {};
  }

  const Manifest& m_;
  const TensorIndex& index_;
  const Sizes& sizes_;
  bool last_only_;
  bool fits_ = true;
  ActivationPlan plan_;
  Method method_;
  int32_t tokens_ = 0, position_ = 0, x_ = 0, rope_ = 0, window_rope_ = 0, scratch_ = 0;
  int32_t embedding_ = 0, none_ = 0, eps_ = 0, kv_type_ = 0, activation_ = 0;
  int32_t attention_scale_ = 0, attention_softcap_ = 0;
  std::vector<int32_t> attention_ints_;
};

// A method that only holds values: the stock contract's way to carry metadata.
Method constant_method(std::string name, std::vector<Value> values) {
  Method method;
  method.name = std::move(name);
  for (size_t i = 0; i < values.size(); ++i) method.outputs.push_back(static_cast<int32_t>(i));
  method.values = std::move(values);
  return method;
}

void add_metadata(const Manifest& m, const Sizes& sizes, std::vector<Method>& methods) {
  const auto add = [&methods](const char* name, Value value) {
    methods.push_back(constant_method(name, {std::move(value)}));
  };
  add("get_max_seq_len", int64_t{sizes.chunk});
  add("get_max_context_len", int64_t{sizes.context});
  add("get_vocab_size", int64_t{m.shape.vocab});
  if (m.tokens.bos) add("get_bos_id", int64_t{*m.tokens.bos});
  std::vector<Value> stops;
  for (const TokenId id : m.tokens.stop) stops.emplace_back(int64_t{id});
  if (!stops.empty()) methods.push_back(constant_method("get_eos_ids", std::move(stops)));
  add("enable_dynamic_shape", true);
  add("use_kv_cache", true);
  add("use_sdpa_with_kv_cache", true);
}

Result<Sizes> choose_sizes(const Manifest& m, const ProgramOptions& options) {
  const uint32_t context = options.context != 0 ? options.context : m.defaults.context;
  if (context > (1u << 26)) {
    return Status(StatusCode::InvalidArgument,
                  concat("a context of ", context, " is beyond the limit of ", 1u << 26));
  }
  Sizes sizes;
  sizes.context = model::padded_context(context);
  sizes.chunk = options.chunk != 0 ? options.chunk : m.defaults.chunk;
  sizes.kv_type = options.kv_type;
  if (sizes.chunk > 4096) {
    return Status(StatusCode::InvalidArgument,
                  concat("chunks of ", sizes.chunk, " tokens are beyond the limit of 4096"));
  }
  sizes.chunk = std::min(sizes.chunk, sizes.context);
  if (sizes.kv_type != model::KvType::F16) {
    return Status(StatusCode::Unsupported, "only f16 KV memory is built: use --kv f16");
  }
  return sizes;
}

}  // namespace

std::vector<SegmentPlace> place_segments(uint64_t constant_bytes,
                                         const std::vector<NamedSegment>& named) {
  std::vector<SegmentPlace> places = {{0, constant_bytes}};
  for (const NamedSegment& segment : named) {
    const uint64_t end = places.back().offset + places.back().size;
    places.push_back({round_up(end, kSegmentAlign), segment.size});
  }
  return places;
}

Result<std::vector<uint8_t>> emit_program(const Manifest& manifest, const ProgramOptions& options) {
  ETB_RETURN_IF_ERROR(model::validate(manifest));
  const TensorIndex index(manifest);
  ETB_RETURN_IF_ERROR(check_tensor_sizes(manifest, index));
  ETB_ASSIGN_OR_RETURN(const Sizes sizes, choose_sizes(manifest, options));
  Program program;
  for (const bool last_only : {true, false}) {
    ETB_ASSIGN_OR_RETURN(Method method, ForwardBuilder(manifest, index, sizes, last_only).build());
    program.methods.push_back(std::move(method));
  }
  add_metadata(manifest, sizes, program.methods);
  program.constant_offsets.push_back(0);
  for (const TensorEntry& entry : manifest.tensors) {
    program.constant_offsets.push_back(entry.offset);
  }
  for (const SegmentPlace& place : place_segments(manifest.constant_bytes, options.named)) {
    program.segments.push_back({place.offset, place.size});
  }
  for (size_t i = 0; i < options.named.size(); ++i) {
    program.named_data.push_back({options.named[i].key, static_cast<uint32_t>(i + 1)});
  }
  const ProgramPlace place{options.segment_base, kSegmentAlign, kHeadroom};
  ETB_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, write_program(program, place));
  if (options.segment_base != 0 && bytes.size() > options.segment_base) {
    return Status(StatusCode::Unsupported,
                  concat("the program of ", bytes.size(),
                         " bytes does not fit before the file's "
                         "segments at ",
                         options.segment_base, ": import the model again"));
  }
  return bytes;
}

}  // namespace etb::import
