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

// What the graph reads whatever the family (docs/design/data-path.md).
const std::set<std::string_view> kEverywhere = {"attn_norm", "attn_q",      "attn_k",
                                                "attn_v",    "attn_output", "ffn_norm",
                                                "ffn_gate",  "ffn_up",      "ffn_down"};
// What it reads if it is there.
const std::set<std::string_view> kInSome = {"attn_q_bias",  "attn_k_bias", "attn_v_bias",
                                            "attn_q_norm",  "attn_k_norm", "attn_post_norm",
                                            "ffn_post_norm"};

TEST(Family, EveryRowHasTheTensorsTheGraphReadsAndNoOther) {
  for (const FamilyRow& row : families()) {
    EXPECT_EQ(names_of(row.model_tensors),
              (std::set<std::string_view>{"token_embd", "output_norm", "output"}))
        << row.architecture;
    std::set<std::string_view> names = names_of(row.layer_tensors);
    for (const std::string_view name : kEverywhere) EXPECT_EQ(names.erase(name), 1u) << name;
    for (const std::string_view name : kInSome) names.erase(name);
    EXPECT_TRUE(names.empty()) << row.architecture << " " << *names.begin();
  }
}

TEST(Family, RulesAreConsistent) {
  for (const FamilyRow& row : families()) {
    for (const auto rules : {row.model_tensors, row.layer_tensors}) {
      for (const TensorRule& rule : rules) {
        EXPECT_EQ(rule.rotated, rule.name == "attn_q" || rule.name == "attn_k") << rule.name;
        EXPECT_EQ(rule.kind == TensorKind::Vector, rule.rows == Dim::One) << rule.name;
        EXPECT_EQ(rule.optional, rule.name == "output") << rule.name;
        // Rows of a rotated bias would have to move with those of its matrix.
        EXPECT_FALSE(rule.suffix == ".bias" && row.rope == RopePairs::Interleaved);
      }
    }
  }
}

TEST(Family, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const FamilyRow& row : families()) {
    EXPECT_TRUE(names.insert(row.architecture).second) << row.architecture;
    EXPECT_EQ(find_family(row.architecture), &row);
    EXPECT_FALSE(row.stop_texts.empty()) << row.architecture;
  }
}

bool knows(std::string_view architecture, std::string_view key) {
  const auto in = [key](std::span<const std::string_view> keys) {
    return std::ranges::find(keys, key) != keys.end();
  };
  return in(common_keys()) || in(find_family(architecture)->own_keys);
}

TEST(Family, KeysThatChangeTheMathematicsAreKnownOnlyWhereTheyAreObeyed) {
  for (const std::string_view key : {"expert_count", "attention.sliding_window",
                                     "final_logit_softcapping", "rope.scaling.attn_factor"}) {
    for (const std::string_view name : {"llama", "qwen2", "qwen3"}) {
      EXPECT_FALSE(knows(name, key)) << name << " " << key;
    }
  }
  for (const FamilyRow& row : families()) {
    const bool windows = row.window != 0 || row.window_pattern != 0 || row.window_rope_base != 0;
    if (windows) {
      EXPECT_TRUE(knows(row.architecture, "attention.sliding_window"));
    }
    if (row.attention_softcap != 0) {
      EXPECT_TRUE(knows(row.architecture, "attn_logit_softcapping"));
    }
  }
}

TEST(Family, UnknownArchitecturesHaveNoRow) {
  EXPECT_EQ(find_family("mamba"), nullptr);
  EXPECT_EQ(find_family(""), nullptr);
  EXPECT_NE(known_architectures().find("llama"), std::string::npos);
}

}  // namespace
}  // namespace etb::family
