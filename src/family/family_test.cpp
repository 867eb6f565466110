// The families' table is consistent in itself.
#include "family/family.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace etb::family {
namespace {

std::set<std::string_view> names_of(std::span<const TensorRule> rules) {
  std::set<std::string_view> names;
  for (const TensorRule& rule : rules) EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
  return names;
}

TEST(Family, LlamaHasEveryTensorTheGraphReads) {
  const FamilyRow* row = find_family("llama");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(names_of(row->model_tensors),
            (std::set<std::string_view>{"token_embd", "output_norm", "output"}));
  EXPECT_EQ(names_of(row->layer_tensors),
            (std::set<std::string_view>{"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output",
                                        "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"}));
}

TEST(Family, OnlyQueriesAndKeysAreRotated) {
  for (const TensorRule& rule : find_family("llama")->layer_tensors) {
    EXPECT_EQ(rule.rotated, rule.name == "attn_q" || rule.name == "attn_k") << rule.name;
  }
}

TEST(Family, VectorsHaveOneRowAndMatricesMore) {
  const FamilyRow& row = *find_family("llama");
  for (const auto rules : {row.model_tensors, row.layer_tensors}) {
    for (const TensorRule& rule : rules) {
      EXPECT_EQ(rule.kind == TensorKind::Vector, rule.rows == Dim::One) << rule.name;
    }
  }
}

TEST(Family, OnlyTheOwnHeadIsOptional) {
  for (const TensorRule& rule : find_family("llama")->model_tensors) {
    EXPECT_EQ(rule.optional, rule.name == "output") << rule.name;
  }
}

TEST(Family, KeysThatChangeTheMathematicsAreNotKnown) {
  const auto keys = find_family("llama")->known_keys;
  for (const std::string_view key : {"expert_count", "attention.sliding_window",
                                     "final_logit_softcapping", "rope.scaling.attn_factor"}) {
    EXPECT_EQ(std::ranges::find(keys, key), keys.end()) << key;
  }
}

TEST(Family, UnknownArchitecturesHaveNoRow) {
  EXPECT_EQ(find_family("mamba"), nullptr);
  EXPECT_EQ(find_family(""), nullptr);
  EXPECT_NE(known_architectures().find("llama"), std::string::npos);
}

}  // namespace
}  // namespace etb::family
