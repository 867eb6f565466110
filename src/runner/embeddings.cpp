#include "runner/embeddings.h"

#include <algorithm>
#include <array>
#include <utility>

#include <executorch/runtime/core/evalue.h>

#include "base/text.h"
#include "kernels/llama/elements.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

using executorch::aten::ScalarType;
using executorch::runtime::Error;

// Of encoded images and sounds; the newest stays whatever its size.
constexpr size_t kMostKeptBytes = size_t{32} << 20;

// Precondition: of the numbers that media_methods() lets through.
kernels::Element element_of(model::ScalarType type) {
  if (type == model::ScalarType::Half) return kernels::Element::F16;
  if (type == model::ScalarType::BFloat16) return kernels::Element::BF16;
  return kernels::Element::F32;
}

std::vector<uint8_t> as_type(model::ScalarType type, const std::vector<float>& values) {
  const kernels::Element element = element_of(type);
  std::vector<uint8_t> bytes(values.size() * kernels::element_bytes(element));
  kernels::write_floats(element, values.data(), values.size(), bytes.data());
  return bytes;
}

}  // namespace

EmbeddingMethods::EmbeddingMethods(const MethodContext& context, const model::MediaMethods& media,
                                   const media::ImageRecipe& recipe)
    : context_(context),
      media_(media),
      recipe_(recipe),
      row_bytes_(media.width * model::scalar_bytes(media.type)) {}

Result<std::unique_ptr<EmbeddingMethods>> EmbeddingMethods::open(const MethodContext& context,
                                                                 const model::MediaMethods& media,
                                                                 const media::ImageRecipe& recipe) {
  std::unique_ptr<EmbeddingMethods> methods(new EmbeddingMethods(context, media, recipe));
  ETB_RETURN_IF_ERROR(methods->load(model::kTokenEmbedding, methods->tokens_));
  const auto ids = methods->tokens_.loaded->method().method_meta().input_tensor_meta(0);
  if (!ids.ok() || ids->sizes().size() != 2) {
    return Status(StatusCode::Corrupt,
                  concat(methods->tokens_.loaded->doing(), ": input 0 is no list of ids"));
  }
  methods->most_tokens_ = static_cast<uint32_t>(ids->sizes()[1]);
  methods->ids_.resize(methods->most_tokens_);
  methods->id_type_ = ids->scalar_type();
  return methods;
}

Status EmbeddingMethods::load(std::string_view name, OwnMethod& out) const {
  if (out.loaded != nullptr) return {};
  const std::string method(name);
  ETB_ASSIGN_OR_RETURN(const std::vector<size_t> sizes, planned_sizes(context_, method));
  ETB_ASSIGN_OR_RETURN(Arenas arenas, Arenas::reserve(sizes));
  ETB_ASSIGN_OR_RETURN(out.loaded, LoadedMethod::load(context_, method, arenas.spans));
  out.arenas = std::move(arenas);
  return {};
}

Result<std::span<const uint8_t>> EmbeddingMethods::run(OwnMethod& method, InputTensor& input,
                                                       size_t rows,
                                                       const kernels::Execution& execution) const {
  LoadedMethod& loaded = *method.loaded;
  LogCapture capture;
  const kernels::ExecutionScope scope(execution);
  Error error = loaded.method().set_input(input.value(), 0);
  if (error == Error::Ok) error = loaded.method().execute();
  if (execution.cancel != nullptr && execution.cancel->cancelled()) {
    return Status(StatusCode::Cancelled, concat("cancelled in ", loaded.doing()));
  }
  if (error != Error::Ok) {
    return runtime_status(RuntimeStep::Execute, error, loaded.doing(), capture);
  }
  const auto& value = loaded.method().get_output(0);
  const bool is_tensor = value.isTensor() && value.toTensor().const_data_ptr() != nullptr;
  const size_t bytes = is_tensor ? value.toTensor().nbytes() : 0;
  if (bytes != rows * row_bytes_) {
    return Status(StatusCode::Corrupt,
                  concat(loaded.doing(), " gave ", bytes, " bytes of embeddings, not ", rows,
                         " rows of ", row_bytes_, " as its shapes foretell"));
  }
  return std::span(static_cast<const uint8_t*>(value.toTensor().const_data_ptr()), bytes);
}

Result<std::span<const uint8_t>> EmbeddingMethods::of_tokens(std::span<const TokenId> ids,
                                                             const kernels::Execution& execution) {
  std::ranges::copy(ids, ids_.begin());
  narrow_if_int(id_type_, std::span(ids_).first(ids.size()));
  const std::array<int32_t, 2> sizes = {1, static_cast<int32_t>(ids.size())};
  InputTensor input(id_type_, ids_.data(), sizes);
  return run(tokens_, input, ids.size(), execution);
}

EmbeddingMethods::Input EmbeddingMethods::image_input(const media::Image& image) const {
  const model::ImageEncoder& takes = *media_.image;
  Input input{.type = static_cast<ScalarType>(takes.type), .sizes = {}, .bytes = {}};
  input.sizes.assign(takes.rank, 1);
  input.sizes[takes.rank - 3] = 3;
  input.sizes[takes.rank - 2] = static_cast<int32_t>(takes.height);
  input.sizes[takes.rank - 1] = static_cast<int32_t>(takes.width);
  const media::Image fit = media::fitted(image, takes.width, takes.height, recipe_);
  input.bytes = takes.type == model::ScalarType::Byte
                    ? media::planar_bytes(fit)
                    : as_type(takes.type, media::planar_floats(fit, recipe_));
  return input;
}

EmbeddingMethods::Input EmbeddingMethods::audio_input(const media::Audio& audio) const {
  const model::AudioEncoder& takes = *media_.audio;
  Input input{.type = static_cast<ScalarType>(takes.type),
              .sizes = {static_cast<int32_t>(audio.batch)},
              .bytes = as_type(takes.type, audio.values)};
  if (takes.rank == 3) input.sizes.push_back(static_cast<int32_t>(std::max(takes.bins, 1U)));
  input.sizes.push_back(static_cast<int32_t>(audio.frames));
  return input;
}

Result<std::shared_ptr<const Embeddings>> EmbeddingMethods::of_media(
    const media::Media& media, const kernels::Execution& execution) {
  ETB_ASSIGN_OR_RETURN(const uint32_t positions, media_.positions_of(media));
  for (const Kept& kept : kept_) {
    if (kept.hash == media.hash() && kept.rows->positions == positions) return kept.rows;
  }
  const bool image = media.kind() == media::Kind::Image;
  OwnMethod& method = image ? image_ : audio_;
  ETB_RETURN_IF_ERROR(load(image ? model::kVisionEncoder : model::kAudioEncoder, method));
  Input input = image ? image_input(media.image()) : audio_input(media.audio());
  InputTensor tensor(input.type, input.bytes.data(), input.sizes);
  ETB_ASSIGN_OR_RETURN(const auto bytes, run(method, tensor, positions, execution));
  auto rows = std::make_shared<Embeddings>();
  rows->positions = positions;
  rows->row_bytes = row_bytes_;
  rows->bytes.assign(bytes.begin(), bytes.end());
  keep(media.hash(), rows);
  // What an encoder computes with is large, and wanted again with the next image only.
  for (AnonymousMemory& memory : method.arenas.memories) {
    static_cast<void>(memory.release(0, memory.size()));
  }
  return std::shared_ptr<const Embeddings>(std::move(rows));
}

void EmbeddingMethods::keep(uint64_t hash, std::shared_ptr<const Embeddings> rows) {
  kept_.push_front({hash, std::move(rows)});
  size_t bytes = 0;
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    bytes += kept->rows->bytes.size();
    if (bytes <= kMostKeptBytes || kept == kept_.begin()) continue;
    kept_.erase(kept, kept_.end());
    return;
  }
}

}  // namespace etb::runner
