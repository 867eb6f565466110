// One tiny random model a family: what the test runs, and what the reference was recorded from. The
// same case gives the same bytes everywhere, so only the reference's logits are in the repository.
#pragma once

#include <string>
#include <vector>

#include "support/random_gguf.h"

namespace etb::test {

struct FamilyCase {
  std::string name;  // "gemma3", ...; with the weights' type "gemma3-Q4_K" in the reference
  RandomGgufSpec spec;
  uint32_t context;  // to run it with
};

// Of every family; `weights` is the type of all matrices.
std::vector<FamilyCase> family_cases(layout::GgmlType weights);

// The types the reference has, F32 first.
inline constexpr layout::GgmlType kFamilyWeights[] = {
    layout::GgmlType::F32, layout::GgmlType::Q8_0, layout::GgmlType::Q4_0, layout::GgmlType::Q4_K};

std::string case_name(const FamilyCase& family, layout::GgmlType weights);

// The text: its ids by a formula, and the positions whose logits were recorded: both sides of the
// models' windows and of the KV layout's tiles and blocks.
inline constexpr uint32_t kFamilyTokens = 160;
inline constexpr uint32_t kFamilyPositions[] = {0, 1, 15, 63, 100, 159};
inline uint32_t family_token(uint32_t position, uint32_t vocab) {
  return (7 * position * position + 13 * position + 5) % vocab;
}

}  // namespace etb::test
