#include "runner/method_contract.h"

#include <vector>

#include "base/text.h"
#include "model/media_methods.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

using executorch::aten::ScalarType;
using executorch::runtime::MethodMeta;
using executorch::runtime::Tag;
using executorch::runtime::TensorInfo;

class ContractReader {
 public:
  ContractReader(std::string doing, const MethodMeta& meta)
      : doing_(std::move(doing)), meta_(meta) {}

  Status read(MethodContract& out) {
    if (meta_.num_inputs() != 2 || meta_.num_outputs() != 1) {
      return not_so(concat(meta_.num_inputs(), " inputs and ", meta_.num_outputs(), " outputs"));
    }
    out.embeddings = out.name == model::kTextDecoder;
    ETB_RETURN_IF_ERROR(out.embeddings ? read_embeddings(out) : read_tokens(out));
    ETB_RETURN_IF_ERROR(read_position(out));
    return read_logits(out);
  }

 private:
  Status read_tokens(MethodContract& out) {
    ETB_ASSIGN_OR_RETURN(const TensorInfo tokens, input(0));
    const auto sizes = tokens.sizes();
    out.token_type = tokens.scalar_type();
    if (!is_integer(out.token_type) || sizes.size() != 2 || sizes[0] != 1 || sizes[1] < 1 ||
        sizes[1] > kMaxPositions) {
      return not_so(shown("tokens", tokens));
    }
    out.most_tokens = static_cast<uint32_t>(sizes[1]);
    return {};
  }

  // What else they must be model::media_methods() has checked.
  Status read_embeddings(MethodContract& out) {
    ETB_ASSIGN_OR_RETURN(const TensorInfo rows, input(0));
    const auto sizes = rows.sizes();
    if (sizes.size() != 3 || sizes[0] != 1 || sizes[1] < 1 || sizes[1] > kMaxPositions ||
        sizes[2] < 1) {
      return not_so(shown("embeddings", rows));
    }
    out.embedding_type = rows.scalar_type();
    out.most_tokens = static_cast<uint32_t>(sizes[1]);
    out.width = static_cast<uint32_t>(sizes[2]);
    return {};
  }

  Status read_position(MethodContract& out) {
    ETB_ASSIGN_OR_RETURN(const TensorInfo position, input(1));
    const auto sizes = position.sizes();
    out.position_type = position.scalar_type();
    if (!is_integer(out.position_type) || sizes.size() != 1 ||
        (sizes[0] != 1 && static_cast<uint32_t>(sizes[0]) != out.most_tokens)) {
      return not_so(shown("position", position));
    }
    out.each_position = sizes[0] != 1;
    return {};
  }

  Status read_logits(MethodContract& out) {
    auto tag = meta_.output_tag(0);
    if (!tag.ok() || tag.get() != Tag::Tensor) return not_so("output 0 is no tensor");
    auto logits = meta_.output_tensor_meta(0);
    if (!logits.ok()) return not_so("output 0 cannot be read");
    const auto sizes = logits->sizes();
    out.logits_type = logits->scalar_type();
    const bool number = out.logits_type == ScalarType::Float ||
                        out.logits_type == ScalarType::Half ||
                        out.logits_type == ScalarType::BFloat16;
    const bool rows = sizes.size() == 3 && (sizes[1] == 1 || rows_fit(sizes[1], out));
    if (!number || sizes.empty() || sizes[0] != 1 || !(rows || sizes.size() == 2) ||
        sizes[sizes.size() - 1] < 1 || sizes[sizes.size() - 1] > kMaxVocab) {
      return not_so(shown("logits", logits.get()));
    }
    out.vocab = static_cast<uint32_t>(sizes[sizes.size() - 1]);
    out.all_rows = sizes.size() == 3 && rows_fit(sizes[1], out);
    return {};
  }

  static bool rows_fit(int64_t rows, const MethodContract& out) {
    return rows == int64_t{out.most_tokens};
  }
  static bool is_integer(ScalarType type) {
    return type == ScalarType::Long || type == ScalarType::Int;
  }

  Result<TensorInfo> input(size_t index) {
    auto tag = meta_.input_tag(index);
    if (tag.ok() && tag.get() == Tag::Tensor) {
      auto info = meta_.input_tensor_meta(index);
      if (info.ok()) return info.get();
    }
    return not_so(concat("input ", index, " is no tensor"));
  }

  static std::string shown(std::string_view name, const TensorInfo& info) {
    std::string shape;
    for (const int32_t size : info.sizes()) shape += concat(shape.empty() ? "" : ", ", size);
    return concat(name, " has type ", static_cast<int>(info.scalar_type()), " and shape [", shape,
                  "]");
  }

  Status not_so(std::string_view what) const {
    return {StatusCode::Unsupported,
            concat(doing_, " is not a text model this runner knows: ", what,
                   "; wanted is (tokens Long or Int [1, S], or embeddings of a decoder [1, S, H], "
                   "positions Long or Int [1] or [S]) ->"
                   " logits Float, Half or BFloat16 [1, V] or [1, S, V]")};
  }

  std::string doing_;
  const MethodMeta& meta_;
};

}  // namespace

Result<MethodContract> read_contract(const MethodContext& context, const std::string& method) {
  const std::string doing = concat(context.file, ": method '", method, "'");
  LogCapture capture;
  auto meta = context.program->method_meta(method.c_str());
  if (!meta.ok()) return runtime_status(RuntimeStep::LoadMethod, meta.error(), doing, capture);
  MethodContract contract;
  contract.name = method;
  ETB_RETURN_IF_ERROR(ContractReader(doing, *meta).read(contract));
  return contract;
}

}  // namespace etb::runner
