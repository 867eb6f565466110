#include "model/media_methods.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/text.h"

namespace etb::model {
namespace {

// No encoder gives or takes more; the numbers of a damaged file do.
constexpr uint64_t kMostPositions = uint64_t{1} << 20;
constexpr uint32_t kMostWidth = 1U << 20;

bool is_float(ScalarType type) {
  return type == ScalarType::Float || type == ScalarType::Half || type == ScalarType::BFloat16;
}

std::string shown(const ValueSummary& value) {
  if (value.type != ValueType::Tensor) return "no tensor";
  std::string text;
  for (const int32_t size : value.sizes) text += concat(text.empty() ? "" : ",", size);
  return concat(scalar_name(value.dtype), " [", text, "]");
}

Status not_so(std::string_view method, std::string_view what, const ValueSummary& value,
              std::string_view wanted) {
  return {StatusCode::Unsupported, concat("method '", method, "': ", what, " is ", shown(value),
                                          ", not ", wanted, " as this version knows it")};
}

Status check_shape(const MethodSummary& method, size_t inputs) {
  if (method.inputs.size() == inputs && method.outputs.size() == 1) return {};
  return {StatusCode::Unsupported,
          concat("method '", method.name, "' has ", method.inputs.size(), " inputs and ",
                 method.outputs.size(), " outputs, not ", inputs, " and 1")};
}

bool positive(const ValueSummary& value) {
  return value.type == ValueType::Tensor && !value.sizes.empty() &&
         std::ranges::all_of(value.sizes, [](int32_t size) { return size > 0; });
}

class Reader {
 public:
  explicit Reader(const PteSummary& summary) : summary_(summary) {}

  Status read(MediaMethods& out) {
    const MethodSummary* const decoder = summary_.method(kTextDecoder);
    if (decoder == nullptr) return {};
    ETB_RETURN_IF_ERROR(read_decoder(*decoder, out));
    if (const MethodSummary* const vision = summary_.method(kVisionEncoder)) {
      ETB_RETURN_IF_ERROR(read_image(*vision, out));
    }
    if (const MethodSummary* const audio = summary_.method(kAudioEncoder)) {
      ETB_RETURN_IF_ERROR(read_audio(*audio, out));
    }
    return {};
  }

 private:
  Status read_decoder(const MethodSummary& decoder, MediaMethods& out) {
    ETB_RETURN_IF_ERROR(check_shape(decoder, 2));
    const ValueSummary& rows = decoder.inputs[0];
    if (!positive(rows) || !is_float(rows.dtype) || rows.sizes.size() != 3 || rows.sizes[0] != 1 ||
        static_cast<uint32_t>(rows.sizes[2]) > kMostWidth) {
      return not_so(kTextDecoder, "input 0", rows, "embeddings [1,S,H]");
    }
    out.width = static_cast<uint32_t>(rows.sizes[2]);
    out.type = rows.dtype;
    const MethodSummary* const tokens = summary_.method(kTokenEmbedding);
    if (tokens == nullptr) {
      return {StatusCode::Unsupported, concat("there is a method '", kTextDecoder, "', but no '",
                                              kTokenEmbedding, "' to feed it")};
    }
    ETB_RETURN_IF_ERROR(check_shape(*tokens, 1));
    const ValueSummary& ids = tokens->inputs[0];
    const bool integers = ids.dtype == ScalarType::Long || ids.dtype == ScalarType::Int;
    if (!positive(ids) || !integers || ids.sizes.size() != 2 || ids.sizes[0] != 1) {
      return not_so(kTokenEmbedding, "input 0", ids, "token ids [1,S]");
    }
    return check_rows(*tokens, out).status();
  }

  // How many embeddings the method gives at its bounds.
  Result<uint32_t> check_rows(const MethodSummary& method, const MediaMethods& out) const {
    const ValueSummary& rows = method.outputs[0];
    const std::string wanted = concat("rows of ", out.width, " ", scalar_name(out.type));
    if (!positive(rows) || rows.dtype != out.type ||
        static_cast<uint32_t>(rows.sizes.back()) != out.width) {
      return not_so(method.name, "output 0", rows, wanted);
    }
    uint64_t count = 1;
    for (size_t i = 0; i + 1 < rows.sizes.size(); ++i) {
      count *= static_cast<uint64_t>(rows.sizes[i]);
      if (count > kMostPositions) return not_so(method.name, "output 0", rows, wanted);
    }
    return static_cast<uint32_t>(count);
  }

  Status read_image(const MethodSummary& method, MediaMethods& out) const {
    ETB_RETURN_IF_ERROR(check_shape(method, 1));
    const ValueSummary& pixels = method.inputs[0];
    const size_t rank = pixels.sizes.size();
    const bool known = positive(pixels) &&
                       (is_float(pixels.dtype) || pixels.dtype == ScalarType::Byte) && rank >= 3 &&
                       pixels.sizes[rank - 3] == 3 &&
                       std::all_of(pixels.sizes.begin(), pixels.sizes.end() - 3,
                                   [](int32_t size) { return size == 1; });
    const auto side = [&](size_t from_end) {
      return known ? static_cast<uint32_t>(pixels.sizes[rank - from_end]) : 0;
    };
    ImageEncoder image{.type = pixels.dtype, .rank = rank, .height = side(2), .width = side(1)};
    if (!known || image.height > media::kMostSide || image.width > media::kMostSide ||
        uint64_t{image.height} * image.width > media::kMostPixels) {
      return not_so(method.name, "input 0", pixels, "one image [1,3,height,width]");
    }
    ETB_ASSIGN_OR_RETURN(image.positions, check_rows(method, out));
    out.image = image;
    return {};
  }

  Status read_audio(const MethodSummary& method, MediaMethods& out) const {
    ETB_RETURN_IF_ERROR(check_shape(method, 1));
    const ValueSummary& input = method.inputs[0];
    const size_t rank = input.sizes.size();
    if (!positive(input) || !is_float(input.dtype) || rank < 2 || rank > 3) {
      return not_so(method.name, "input 0", input, "[batch,bins,frames] or [batch,samples]");
    }
    AudioEncoder audio{.type = input.dtype,
                       .rank = rank,
                       .batch = static_cast<uint32_t>(input.sizes[0]),
                       .bins = 0,
                       .frames = static_cast<uint32_t>(input.sizes[rank - 1]),
                       .dynamic = input.dynamic};
    if (rank == 3 && input.sizes[1] > 1) audio.bins = static_cast<uint32_t>(input.sizes[1]);
    ETB_ASSIGN_OR_RETURN(audio.positions, check_rows(method, out));
    out.audio = audio;
    return {};
  }

  const PteSummary& summary_;
};

Status no_encoder(media::Kind kind) {
  return {
      StatusCode::Unsupported,
      concat("this model takes no ", kind == media::Kind::Image ? "images" : "sounds",
             ": its file has no ", kind == media::Kind::Image ? kVisionEncoder : kAudioEncoder)};
}

std::string sizes_text(uint32_t batch, uint32_t bins, uint32_t frames) {
  if (bins == 0) return concat(batch, " x ", frames, " samples");
  return concat(batch, " x ", bins, " bins x ", frames, " frames");
}

Result<uint32_t> audio_positions(const AudioEncoder& takes, const media::Audio& audio) {
  const auto fits = [&](uint32_t size, uint32_t bound) {
    return takes.dynamic ? size <= bound : size == bound;
  };
  if (audio.bins != takes.bins || !fits(audio.batch, takes.batch) ||
      !fits(audio.frames, takes.frames)) {
    return Status(StatusCode::InvalidArgument,
                  concat("an audio of ", sizes_text(audio.batch, audio.bins, audio.frames),
                         ": this model takes ", takes.dynamic ? "up to " : "",
                         sizes_text(takes.batch, takes.bins, takes.frames)));
  }
  const double share = static_cast<double>(audio.batch) / takes.batch *
                       static_cast<double>(audio.frames) / takes.frames;
  return std::max(1U, static_cast<uint32_t>(std::lround(share * takes.positions)));
}

}  // namespace

Result<uint32_t> MediaMethods::positions_of(const media::Media& media) const {
  if (media.kind() == media::Kind::Image) {
    if (!image) return no_encoder(media.kind());
    return image->positions;
  }
  if (!audio) return no_encoder(media.kind());
  return audio_positions(*audio, media.audio());
}

Result<MediaMethods> media_methods(const PteSummary& summary) {
  MediaMethods methods;
  ETB_RETURN_IF_ERROR(Reader(summary).read(methods));
  return methods;
}

}  // namespace etb::model
