// What stock programs keep from run to run, as their exporters write them; and that whatever is not
// known for certain is left alone.
#include "model/state_layout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "model/capabilities.h"
#include "model/pte_file.h"

namespace etb::model {
namespace {

constexpr uint64_t kContext = 64;

PteFile recorded(std::string_view name) {
  return PteFile::open(concat(ETB_SOURCE_DIR, "/tests/references/stock/", name, ".pte")).value();
}

StateLayout layout_of(const PteFile& file, uint64_t context = kContext) {
  std::vector<std::string> methods;
  for (const TextMethod& method : capabilities_of(file.summary()).text_methods) {
    methods.push_back(method.name);
  }
  return state_layout(file.program(), methods, context);
}

struct Known {
  std::string name;
  uint32_t memory_id;
  size_t buffers;
  uint64_t groups;
  uint64_t row_bytes;  // of all buffers together
};

// Two layers of two heads of eight, keys and values.
TEST(StateLayout, IsReadOffEveryDialect) {
  const Known known[] = {
      {"llm-fp32", 1, 4, 1, 4 * 64},           {"llm-xnnpack", 1, 4, 1, 4 * 64},
      {"llm-bf16", 1, 4, 1, 4 * 32},           {"llm-one-token", 1, 4, 1, 4 * 64},
      {"llm-all-logits", 1, 4, 1, 4 * 64},     {"optimum-sdpa", 1, 4, 1, 4 * 64},
      {"llm-int8-cache", 1, 12, 1, 4 * 26},    {"llm-8da4w", 1, 12, 1, 4 * 26},
      {"llm-plain", 1, 4, 2, 4 * 32},          {"optimum-fp32", 1, 4, 2, 4 * 32},
      {"optimum-fp16-int32", 1, 4, 2, 4 * 16}, {"optimum-two-methods", 2, 4, 2, 4 * 32},
      {"media-fp32", 1, 4, 2, 4 * 32},         {"media-bytes-fp16", 1, 4, 1, 4 * 32},
  };
  for (const Known& wanted : known) {
    SCOPED_TRACE(wanted.name);
    const StateLayout state = layout_of(recorded(wanted.name));
    EXPECT_EQ(state.opaque, "");
    ASSERT_EQ(state.buffers.size(), wanted.buffers);
    uint64_t row_bytes = 0;
    for (const StateBuffer& buffer : state.buffers) {
      EXPECT_EQ(buffer.memory_id, wanted.memory_id);
      EXPECT_EQ(buffer.groups, wanted.groups);
      EXPECT_EQ(buffer.positions, kContext);
      row_bytes += buffer.row_bytes;
    }
    EXPECT_EQ(row_bytes, wanted.row_bytes);
  }
}

TEST(StateLayout, ARingIsOpaque) {
  const StateLayout state = layout_of(recorded("llm-ring"));
  EXPECT_EQ(state.opaque, "its cache is a ring");
  EXPECT_TRUE(state.buffers.empty());
}

// Row p would not be position p.
TEST(StateLayout, ACacheShorterThanTheContextIsOpaque) {
  for (const char* const name : {"llm-fp32", "optimum-fp32"}) {
    EXPECT_NE(layout_of(recorded(name), kContext + 1).opaque.find("each position"),
              std::string::npos);
  }
}

TEST(StateLayout, WhatHasNoCacheIsOpaque) {
  const PteFile file = recorded("media-fp32");
  for (const std::string method : {"token_embedding", "vision_encoder", "none"}) {
    const StateLayout state = state_layout(file.program(), std::vector{method}, kContext);
    EXPECT_NE(state.opaque.find("no cache"), std::string::npos) << state.opaque;
  }
  EXPECT_NE(state_layout(file.program(), {}, kContext).opaque, "");
}

// Its one segment is empty, and no header says where it lies.
TEST(StateLayout, WeightsMayAllBeElsewhere) {
  const PteFile file =
      PteFile::open(concat(ETB_SOURCE_DIR, "/fuzz/corpus/pte/stock_external")).value();
  const StateLayout state = layout_of(file, 8);
  EXPECT_EQ(state.opaque, "");
  EXPECT_EQ(state.buffers.size(), 1u);
  EXPECT_EQ(file.summary().method("forward")->external_weights.size(), 2u);
}

// The names of operators and backends are texts in the program: others of the same length stand for
// programs of other exporters.
class OtherNames : public ::testing::Test {
 protected:
  static std::string opaque_with(std::string_view name, std::string_view from,
                                 std::string_view to) {
    const PteFile file = recorded(name);
    std::vector<uint8_t> program(file.program().begin(), file.program().end());
    const auto found = std::search(program.begin(), program.end(), from.begin(), from.end());
    EXPECT_NE(found, program.end());
    EXPECT_EQ(from.size(), to.size());
    std::copy(to.begin(), to.end(), found);
    return state_layout(program, std::vector<std::string>{"forward"}, kContext).opaque;
  }
};

TEST_F(OtherNames, AnUnknownOperatorMayKeepAState) {
  EXPECT_NE(opaque_with("llm-fp32", "llama::custom_sdpa", "other::custom_sdpa").find("custom_sdpa"),
            std::string::npos);
  EXPECT_NE(opaque_with("llm-fp32", "llama::update_cache", "llama::shift_cache_").find("shift"),
            std::string::npos);
  EXPECT_NE(opaque_with("optimum-fp32", "aten::index_put", "aten::index_add").find("copy_"),
            std::string::npos);
  EXPECT_NE(opaque_with("optimum-fp32", "aten::copy_", "aten::swap_").find("swap_"),
            std::string::npos);
}

TEST_F(OtherNames, AnotherBackendMayKeepAState) {
  EXPECT_NE(opaque_with("llm-xnnpack", "XnnpackBackend", "OtherrrBackend").find("OtherrrBackend"),
            std::string::npos);
}

}  // namespace
}  // namespace etb::model
