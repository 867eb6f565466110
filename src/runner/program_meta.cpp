#include "runner/program_meta.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

using executorch::aten::ScalarType;
using executorch::runtime::MethodMeta;
using executorch::runtime::Tag;
using executorch::runtime::TensorInfo;

constexpr int64_t kMaxPositions = int64_t{1} << 26;
constexpr int64_t kMaxVocab = int64_t{1} << 24;

// What one tensor of a method must look like. A size of 0 stands for "any".
struct Wanted {
  const char* name;
  ScalarType type;
  std::vector<int64_t> sizes;
};

Status not_the_contract(std::string_view doing, std::string_view what) {
  return {StatusCode::Unsupported,
          concat(doing, " is not a text model this runner knows: ", what,
                 "; wanted is (tokens Long [1, S], input_pos Long [1]) -> logits Float")};
}

Status check_tensor(std::string_view doing, const TensorInfo& info, const Wanted& wanted) {
  bool matches = info.scalar_type() == wanted.type && info.sizes().size() == wanted.sizes.size();
  for (size_t i = 0; matches && i < wanted.sizes.size(); ++i) {
    const int64_t size = info.sizes()[i];
    matches = wanted.sizes[i] == 0 ? size > 0 : size == wanted.sizes[i];
  }
  if (matches) return {};
  std::string shape;
  for (const int32_t size : info.sizes()) shape += concat(shape.empty() ? "" : ", ", size);
  return not_the_contract(
      doing, concat(wanted.name, " has type ", static_cast<int>(info.scalar_type()), " and shape [",
                    shape, "]"));
}

struct Shapes {
  int64_t chunk = 0;
  int64_t vocab = 0;
};

Result<TensorInfo> tensor_info(std::string_view doing, const MethodMeta& meta, size_t index,
                               bool input) {
  auto tag = input ? meta.input_tag(index) : meta.output_tag(index);
  if (tag.ok() && tag.get() == Tag::Tensor) {
    auto info = input ? meta.input_tensor_meta(index) : meta.output_tensor_meta(index);
    if (info.ok()) return info.get();
  }
  return not_the_contract(doing, concat(input ? "input " : "output ", index, " is no tensor"));
}

// `logits_rank` 2: [1, V]; 3: [1, S, V].
Result<Shapes> forward_shapes(const MethodContext& context, const std::string& method,
                              size_t logits_rank) {
  const std::string doing = concat(context.file, ": method '", method, "'");
  LogCapture capture;
  auto meta = context.program->method_meta(method.c_str());
  if (!meta.ok()) return runtime_status(RuntimeStep::LoadMethod, meta.error(), doing, capture);
  if (meta->num_inputs() != 2 || meta->num_outputs() != 1) {
    return not_the_contract(
        doing, concat(meta->num_inputs(), " inputs and ", meta->num_outputs(), " outputs"));
  }
  ETB_ASSIGN_OR_RETURN(const TensorInfo tokens, tensor_info(doing, *meta, 0, true));
  ETB_ASSIGN_OR_RETURN(const TensorInfo position, tensor_info(doing, *meta, 1, true));
  ETB_ASSIGN_OR_RETURN(const TensorInfo logits, tensor_info(doing, *meta, 0, false));
  ETB_RETURN_IF_ERROR(check_tensor(doing, tokens, {"tokens", ScalarType::Long, {1, 0}}));
  ETB_RETURN_IF_ERROR(check_tensor(doing, position, {"input_pos", ScalarType::Long, {1}}));
  const int64_t chunk = tokens.sizes()[1];
  const std::vector<int64_t> wanted =
      logits_rank == 2 ? std::vector<int64_t>{1, 0} : std::vector<int64_t>{1, chunk, 0};
  ETB_RETURN_IF_ERROR(check_tensor(doing, logits, {"logits", ScalarType::Float, wanted}));
  return Shapes{chunk, logits.sizes()[logits_rank - 1]};
}

// Whether a method only holds values: its outputs mean something without running it.
bool holds_values_only(const MethodMeta& meta) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the runtime marks what may change so
  const size_t instructions = meta.num_instructions();
#pragma GCC diagnostic pop
  return meta.num_inputs() == 0 && instructions == 0 && meta.num_backends() == 0;
}

Result<std::optional<int64_t>> constant_int(const MethodContext& context,
                                            const std::set<std::string>& methods,
                                            const std::string& name, int64_t max) {
  ETB_ASSIGN_OR_RETURN(const std::vector<int64_t> values, constant_ints(context, methods, name));
  if (values.empty()) return std::optional<int64_t>();
  if (values.front() < 0 || values.front() > max) {
    return Status(StatusCode::Corrupt, concat(context.file, ": ", name, " is ", values.front(),
                                              ", must be from 0 to ", max));
  }
  return std::optional<int64_t>(values.front());
}

Status read_token_ids(const MethodContext& context, const std::set<std::string>& methods,
                      RunnerMeta& meta) {
  ETB_ASSIGN_OR_RETURN(const auto bos,
                       constant_int(context, methods, "get_bos_id", meta.vocab_size - 1));
  if (bos) meta.bos = static_cast<TokenId>(*bos);
  ETB_ASSIGN_OR_RETURN(std::vector<int64_t> eos, constant_ints(context, methods, "get_eos_ids"));
  std::sort(eos.begin(), eos.end());
  eos.erase(std::unique(eos.begin(), eos.end()), eos.end());
  for (const int64_t id : eos) {
    if (id < 0 || id >= int64_t{meta.vocab_size}) {
      return {StatusCode::Corrupt, concat(context.file, ": get_eos_ids names token ", id, " of a ",
                                          meta.vocab_size, "-token vocabulary")};
    }
    meta.eos.push_back(static_cast<TokenId>(id));
  }
  return {};
}

}  // namespace

Result<std::set<std::string>> method_names(const MethodContext& context) {
  std::set<std::string> names;
  for (size_t i = 0; i < context.program->num_methods(); ++i) {
    auto name = context.program->get_method_name(i);
    if (!name.ok() || name.get() == nullptr) {
      return Status(StatusCode::Corrupt, concat(context.file, ": method ", i, " has no name"));
    }
    names.insert(name.get());
  }
  return names;
}

Result<std::vector<int64_t>> constant_ints(const MethodContext& context,
                                           const std::set<std::string>& methods,
                                           const std::string& name) {
  std::vector<int64_t> values;
  if (!methods.contains(name)) return values;
  const Status no_list(StatusCode::Corrupt,
                       concat(context.file, ": method '", name, "' is no plain list of integers"));
  const auto described = context.program->method_meta(name.c_str());
  if (!described.ok() || !holds_values_only(*described)) return no_list;
  ETB_ASSIGN_OR_RETURN(const std::vector<size_t> planned, planned_sizes(context, name));
  if (std::any_of(planned.begin(), planned.end(), [](size_t bytes) { return bytes > 0; })) {
    return no_list;
  }
  const std::vector<std::span<uint8_t>> no_memory(planned.size());
  ETB_ASSIGN_OR_RETURN(const std::unique_ptr<LoadedMethod> loaded,
                       LoadedMethod::load(context, name, no_memory));
  const MethodMeta meta = loaded->method().method_meta();
  for (size_t i = 0; i < meta.num_outputs(); ++i) {
    auto tag = meta.output_tag(i);
    if (!tag.ok() || (tag.get() != Tag::Int && tag.get() != Tag::Bool)) return no_list;
    const auto& value = loaded->method().get_output(i);
    values.push_back(value.isBool() ? int64_t{value.toBool()} : value.toInt());
  }
  return values;
}

Result<RunnerMeta> read_program_meta(const MethodContext& context,
                                     const std::set<std::string>& methods) {
  ETB_ASSIGN_OR_RETURN(const Shapes last, forward_shapes(context, kForward, 2));
  RunnerMeta meta;
  meta.has_forward_all = methods.contains(kForwardAll);
  if (meta.has_forward_all) {
    ETB_ASSIGN_OR_RETURN(const Shapes all, forward_shapes(context, kForwardAll, 3));
    if (all.chunk != last.chunk || all.vocab != last.vocab) {
      return Status(
          StatusCode::Corrupt,
          concat(context.file, ": forward and forward_all differ in chunk or vocabulary"));
    }
  }
  ETB_ASSIGN_OR_RETURN(auto vocab, constant_int(context, methods, "get_vocab_size", kMaxVocab));
  ETB_ASSIGN_OR_RETURN(auto positions,
                       constant_int(context, methods, "get_max_context_len", kMaxPositions));
  if (!positions) {
    ETB_ASSIGN_OR_RETURN(positions,
                         constant_int(context, methods, "get_max_seq_len", kMaxPositions));
  }
  if (!positions || *positions == 0) {
    return Status(StatusCode::Unsupported,
                  concat(context.file,
                         " does not say how long its context is "
                         "(method get_max_context_len): export it again with metadata"));
  }
  if (last.vocab > kMaxVocab || vocab.value_or(last.vocab) != last.vocab) {
    return Status(StatusCode::Corrupt, concat(context.file, ": the program gives ", last.vocab,
                                              " logits, get_vocab_size says ", vocab.value_or(0)));
  }
  meta.context = static_cast<uint32_t>(*positions);
  meta.chunk = static_cast<uint32_t>(std::min(last.chunk, *positions));
  meta.vocab_size = static_cast<uint32_t>(last.vocab);
  ETB_RETURN_IF_ERROR(read_token_ids(context, methods, meta));
  return meta;
}

}  // namespace etb::runner
