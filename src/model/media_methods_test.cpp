// Which files take images and sounds, and how many positions these fill.
#include "model/media_methods.h"

#include <gtest/gtest.h>

#include "model/capabilities.h"

namespace etb::model {
namespace {

ValueSummary tensor(ScalarType dtype, std::vector<int32_t> sizes, bool dynamic = false) {
  return {.type = ValueType::Tensor, .dtype = dtype, .sizes = std::move(sizes), .dynamic = dynamic};
}

MethodSummary computing(std::string_view name, std::vector<ValueSummary> inputs,
                        ValueSummary output) {
  MethodSummary method;
  method.name = name;
  method.inputs = std::move(inputs);
  method.outputs = {std::move(output)};
  method.instructions = 1;
  return method;
}

PteSummary multimodal() {
  PteSummary summary;
  const auto type = ScalarType::Float;
  summary.methods = {
      computing(kTokenEmbedding, {tensor(ScalarType::Long, {1, 63}, true)},
                tensor(type, {1, 63, 32}, true)),
      computing(kTextDecoder,
                {tensor(type, {1, 63, 32}, true), tensor(ScalarType::Long, {63}, true)},
                tensor(type, {1, 63, 256}, true)),
      computing(kVisionEncoder, {tensor(type, {1, 3, 24, 16})}, tensor(type, {1, 6, 32})),
      computing(kAudioEncoder, {tensor(type, {4, 8, 12}, true)}, tensor(type, {1, 12, 32}, true))};
  return summary;
}

std::shared_ptr<const media::Media> picture(uint32_t width, uint32_t height) {
  return media::Media::image({.width = width,
                              .height = height,
                              .rgb = std::vector<uint8_t>(size_t{width} * height * 3)})
      .value();
}

std::shared_ptr<const media::Media> sound(uint32_t batch, uint32_t bins, uint32_t frames) {
  const size_t count = size_t{batch} * std::max(bins, 1U) * frames;
  return media::Media::audio(
             {.batch = batch, .bins = bins, .frames = frames, .values = std::vector<float>(count)})
      .value();
}

TEST(MediaMethods, SayWhatTheEncodersTake) {
  const MediaMethods methods = media_methods(multimodal()).value();
  EXPECT_EQ(methods.width, 32u);
  ASSERT_TRUE(methods.image && methods.audio);
  EXPECT_EQ(methods.image->height, 24u);
  EXPECT_EQ(methods.image->width, 16u);
  EXPECT_EQ(methods.image->positions, 6u);
  EXPECT_EQ(methods.audio->bins, 8u);
  EXPECT_EQ(methods.audio->positions, 12u);
}

TEST(MediaMethods, AnyImageFillsTheEncodersPositions) {
  const MediaMethods methods = media_methods(multimodal()).value();
  EXPECT_EQ(methods.positions_of(*picture(16, 24)).value(), 6u);
  EXPECT_EQ(methods.positions_of(*picture(640, 3)).value(), 6u) << "it is scaled";
}

TEST(MediaMethods, ASoundFillsItsShare) {
  const MediaMethods methods = media_methods(multimodal()).value();
  EXPECT_EQ(methods.positions_of(*sound(4, 8, 12)).value(), 12u);
  EXPECT_EQ(methods.positions_of(*sound(1, 8, 12)).value(), 3u);
  EXPECT_EQ(methods.positions_of(*sound(1, 8, 4)).value(), 1u);
  for (const auto& wrong : {sound(5, 8, 12), sound(1, 7, 12), sound(1, 8, 13), sound(1, 0, 12)}) {
    const auto positions = methods.positions_of(*wrong);
    EXPECT_EQ(positions.status().code(), StatusCode::InvalidArgument);
    EXPECT_NE(positions.status().message().find("8 bins"), std::string::npos);
  }
}

TEST(MediaMethods, ATextModelTakesNeither) {
  const MediaMethods methods = media_methods(PteSummary()).value();
  EXPECT_TRUE(methods.none());
  EXPECT_EQ(methods.positions_of(*picture(4, 4)).status().code(), StatusCode::Unsupported);
  EXPECT_EQ(methods.positions_of(*sound(1, 8, 12)).status().code(), StatusCode::Unsupported);
}

TEST(MediaMethods, TakeBytesAndSamples) {
  PteSummary summary = multimodal();
  summary.methods[2].inputs = {tensor(ScalarType::Byte, {3, 24, 16})};
  summary.methods[3].inputs = {tensor(ScalarType::Float, {1, 16000}, true)};
  const MediaMethods methods = media_methods(summary).value();
  EXPECT_EQ(methods.image->type, ScalarType::Byte);
  EXPECT_EQ(methods.image->rank, 3u);
  EXPECT_EQ(methods.audio->bins, 0u);
  EXPECT_EQ(methods.positions_of(*sound(1, 0, 8000)).value(), 6u);
}

TEST(MediaMethods, RefuseWhatDoesNotFitTogether) {
  const auto refused = [](size_t method, auto change) {
    PteSummary summary = multimodal();
    change(summary.methods[method]);
    const auto methods = media_methods(summary);
    return methods.status().code() == StatusCode::Unsupported &&
           methods.status().message().find(summary.methods[method].name) != std::string::npos;
  };
  const auto type = ScalarType::Float;
  EXPECT_TRUE(refused(0, [&](auto& m) { m.outputs = {tensor(type, {1, 63, 31})}; })) << "width";
  EXPECT_TRUE(refused(0, [&](auto& m) { m.outputs = {tensor(ScalarType::Half, {1, 63, 32})}; }));
  EXPECT_TRUE(refused(0, [&](auto& m) { m.inputs = {tensor(type, {1, 63})}; })) << "no ids";
  EXPECT_TRUE(refused(1, [&](auto& m) { m.inputs.pop_back(); }));
  EXPECT_TRUE(refused(1, [&](auto& m) { m.inputs[0].sizes = {1, 63}; }));
  EXPECT_TRUE(refused(2, [&](auto& m) { m.inputs[0].sizes = {1, 4, 24, 16}; })) << "channels";
  EXPECT_TRUE(refused(2, [&](auto& m) { m.inputs[0].sizes = {2, 3, 24, 16}; })) << "two at once";
  EXPECT_TRUE(refused(2, [&](auto& m) { m.inputs[0].sizes = {3, 1 << 20, 16}; }));
  EXPECT_TRUE(refused(2, [&](auto& m) { m.inputs[0].sizes = {3, -1, 16}; }));
  EXPECT_TRUE(refused(2, [&](auto& m) { m.outputs[0].sizes = {1 << 30, 1 << 30, 32}; }));
  EXPECT_TRUE(refused(3, [&](auto& m) { m.inputs[0].sizes = {4}; }));
  EXPECT_TRUE(refused(3, [&](auto& m) { m.inputs[0].type = ValueType::Int; }));
}

TEST(MediaMethods, WithoutAnEmbeddingOfTokensThereIsNoDecoder) {
  PteSummary summary = multimodal();
  summary.methods.erase(summary.methods.begin());
  EXPECT_EQ(media_methods(summary).status().code(), StatusCode::Unsupported);
}

TEST(MediaMethods, TheDecoderIsTheFilesTextMethod) {
  const Capabilities file = capabilities_of(multimodal());
  EXPECT_EQ(file.kind, FileKind::Multimodal);
  ASSERT_EQ(file.text_methods.size(), 1u);
  EXPECT_EQ(file.text_methods[0].name, kTextDecoder);
  EXPECT_TRUE(file.text_methods[0].embeddings);
  EXPECT_EQ(file.text_methods[0].most_tokens, 63u);
  EXPECT_EQ(file.text_methods[0].vocab, 256u);
}

}  // namespace
}  // namespace etb::model
