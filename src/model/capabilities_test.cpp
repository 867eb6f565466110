// Both stock dialects, our own files, and what is neither; and what a build may lack.
#include "model/capabilities.h"

#include <gtest/gtest.h>

#include "model/manifest.h"

namespace etb::model {
namespace {

ValueSummary tensor(ScalarType dtype, std::vector<int32_t> sizes, bool dynamic = false) {
  ValueSummary value;
  value.type = ValueType::Tensor;
  value.dtype = dtype;
  value.sizes = std::move(sizes);
  value.dynamic = dynamic;
  return value;
}

MethodSummary constant(std::string name, std::vector<Constant> values) {
  MethodSummary method;
  method.name = std::move(name);
  method.constants = std::move(values);
  return method;
}

MethodSummary computing(std::string name, std::vector<ValueSummary> inputs,
                        std::vector<ValueSummary> outputs) {
  MethodSummary method;
  method.name = std::move(name);
  method.inputs = std::move(inputs);
  method.outputs = std::move(outputs);
  method.instructions = 1;
  return method;
}

PteSummary export_llm() {
  PteSummary summary;
  summary.methods = {
      computing("forward",
                {tensor(ScalarType::Long, {1, 127}, true), tensor(ScalarType::Long, {1})},
                {tensor(ScalarType::Float, {1, 32000})}),
      constant("get_max_seq_len", {int64_t{128}}),
      constant("get_max_context_len", {int64_t{256}}),
      constant("get_bos_id", {int64_t{1}}),
      constant("get_eos_ids", {int64_t{2}, int64_t{7}}),
      constant("use_kv_cache", {true})};
  return summary;
}

PteSummary optimum() {
  PteSummary summary;
  summary.methods = {
      computing("forward",
                {tensor(ScalarType::Long, {1, 2047}, true), tensor(ScalarType::Long, {2047}, true)},
                {tensor(ScalarType::Float, {1, 2047, 49152}, true)}),
      constant("get_dtype", {int64_t{6}}), constant("get_eos_id", {int64_t{2}}),
      constant("get_max_seq_len", {int64_t{2048}})};
  return summary;
}

TEST(Capabilities, ExportLlm) {
  const Capabilities caps = capabilities_of(export_llm());
  EXPECT_EQ(caps.kind, FileKind::ExportLlm);
  ASSERT_EQ(caps.text_methods.size(), 1U);
  const TextMethod& forward = caps.text_methods[0];
  EXPECT_EQ(forward.most_tokens, 127U);
  EXPECT_TRUE(forward.dynamic_tokens);
  EXPECT_TRUE(forward.has_positions);
  EXPECT_FALSE(forward.position_vector);
  EXPECT_FALSE(forward.all_positions);
  EXPECT_EQ(forward.vocab, 32000U);
  EXPECT_EQ(caps.context, 256U);
  EXPECT_EQ(caps.bos_id, 1);
  EXPECT_EQ(caps.eos_ids, (std::vector<int64_t>{2, 7}));
}

TEST(Capabilities, Optimum) {
  const Capabilities caps = capabilities_of(optimum());
  EXPECT_EQ(caps.kind, FileKind::Optimum);
  ASSERT_EQ(caps.text_methods.size(), 1U);
  EXPECT_TRUE(caps.text_methods[0].position_vector);
  EXPECT_TRUE(caps.text_methods[0].all_positions);
  EXPECT_EQ(caps.text_methods[0].vocab, 49152U);
  EXPECT_EQ(caps.context, 2048U);
  EXPECT_EQ(caps.bos_id, std::nullopt);
  EXPECT_EQ(caps.eos_ids, (std::vector<int64_t>{2}));
}

TEST(Capabilities, OptimumBesidePluralAndSingularEosIsAUnion) {
  PteSummary summary = optimum();
  summary.methods.push_back(constant("get_eos_ids", {int64_t{5}, int64_t{2}}));
  EXPECT_EQ(capabilities_of(summary).eos_ids, (std::vector<int64_t>{5, 2}));
}

// Whoever runs a model keeps those that its vocabulary has; a list as long as a hostile file can
// make it must not be searched once for each of its numbers.
TEST(Capabilities, EndsAreKeptWhateverTheyAreAndHoweverMany) {
  PteSummary summary = export_llm();
  std::vector<Constant> ends = {int64_t{-1}, INT64_MAX, INT64_MIN};
  for (int64_t id = 0; id < 300'000; ++id) ends.emplace_back(id);
  summary.methods.push_back(constant("get_eos_id", ends));
  EXPECT_EQ(capabilities_of(summary).eos_ids.size(), ends.size());
}

TEST(Capabilities, OwnFilesHaveAManifest) {
  PteSummary summary = export_llm();
  summary.named_data.push_back({std::string(kManifestKey), 100});
  EXPECT_EQ(capabilities_of(summary).kind, FileKind::Own);
}

TEST(Capabilities, ForwardComesFirst) {
  PteSummary summary = export_llm();
  MethodSummary all = summary.methods[0];
  all.name = "forward_all";
  all.outputs[0].sizes = {1, 127, 32000};
  summary.methods.insert(summary.methods.begin(), all);
  const Capabilities caps = capabilities_of(summary);
  ASSERT_EQ(caps.text_methods.size(), 2U);
  EXPECT_EQ(caps.text_methods[0].name, "forward");
  EXPECT_TRUE(caps.text_methods[1].all_positions);
}

TEST(Capabilities, TokensAloneMeansNoCache) {
  PteSummary summary = export_llm();
  summary.methods[0].inputs.pop_back();
  const Capabilities caps = capabilities_of(summary);
  ASSERT_EQ(caps.text_methods.size(), 1U);
  EXPECT_FALSE(caps.text_methods[0].has_positions);
}

TEST(Capabilities, WhatIsNoLanguageModel) {
  PteSummary summary;
  EXPECT_EQ(capabilities_of(summary).kind, FileKind::MetadataOnly);
  summary.methods = {constant("get_max_seq_len", {int64_t{128}})};
  EXPECT_EQ(capabilities_of(summary).kind, FileKind::MetadataOnly);
  const ValueSummary image = tensor(ScalarType::Float, {1, 3, 224, 224});
  const ValueSummary classes = tensor(ScalarType::Float, {1, 1000});
  summary.methods = {computing("forward", {image}, {classes})};
  EXPECT_EQ(capabilities_of(summary).kind, FileKind::Unknown);
  EXPECT_TRUE(capabilities_of(summary).text_methods.empty());
  summary.methods.push_back(computing("vision_encoder", {image}, {classes}));
  EXPECT_EQ(capabilities_of(summary).kind, FileKind::Multimodal);
}

TEST(Capabilities, OddShapesAreNoTextMethod) {
  const ValueSummary tokens = tensor(ScalarType::Long, {1, 8});
  const ValueSummary start = tensor(ScalarType::Long, {1});
  const ValueSummary logits = tensor(ScalarType::Float, {1, 100});
  ValueSummary number;
  number.type = ValueType::Int;
  const std::pair<std::vector<ValueSummary>, std::vector<ValueSummary>> odd[] = {
      {{}, {logits}},
      {{start}, {logits}},
      {{tokens, tokens}, {logits}},
      {{tokens, start, start}, {logits}},
      {{tokens, number}, {logits}},
      {{tokens, start}, {}},
      {{tokens, start}, {logits, logits}},
      {{tokens, start}, {tokens}},
      {{tokens, start}, {number}},
      {{tokens, start}, {tensor(ScalarType::Float, {100})}},
  };
  for (const auto& [inputs, outputs] : odd) {
    PteSummary summary;
    summary.methods = {computing("forward", inputs, outputs)};
    EXPECT_TRUE(capabilities_of(summary).text_methods.empty());
  }
}

TEST(Capabilities, TextWithoutAnyMetadata) {
  PteSummary summary = export_llm();
  summary.methods.resize(1);
  const Capabilities caps = capabilities_of(summary);
  EXPECT_EQ(caps.kind, FileKind::OtherText);
  EXPECT_EQ(caps.context, std::nullopt);
  EXPECT_TRUE(caps.eos_ids.empty());
}

TEST(Capabilities, ANegativeContextIsNone) {
  PteSummary summary = export_llm();
  summary.methods[2] = constant("get_max_context_len", {int64_t{-5}});
  EXPECT_EQ(capabilities_of(summary).context, 128U);
}

TEST(Missing, NamesEachThingOnce) {
  PteSummary summary = export_llm();
  summary.methods[0].operators = {"llama::update_cache.out", "aten::add.out"};
  MethodSummary again = summary.methods[0];
  again.name = "again";
  again.backends = {"XnnpackBackend"};
  summary.methods.push_back(again);
  const Capabilities caps = capabilities_of(summary);
  EXPECT_EQ(caps.operators, (std::vector<std::string>{"aten::add.out", "llama::update_cache.out"}));
  const auto only_add = [](std::string_view name) { return name == "aten::add.out"; };
  const auto nothing = [](std::string_view) { return false; };
  const Missing missing = missing_from(caps, only_add, nothing);
  EXPECT_EQ(missing.operators, (std::vector<std::string>{"llama::update_cache.out"}));
  EXPECT_EQ(missing.backends, (std::vector<std::string>{"XnnpackBackend"}));
  EXPECT_FALSE(missing.none());
  const auto all = [](std::string_view) { return true; };
  EXPECT_TRUE(missing_from(caps, all, all).none());
}

}  // namespace
}  // namespace etb::model
