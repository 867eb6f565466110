// For tests of the prefix store: conversations that share beginnings, and a check of what is
// fetched.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "kv/prefix_store.h"
#include "kv/test_rows.h"

namespace etb::kv {

using Ids = std::vector<TokenId>;
inline constexpr size_t kPlenty = size_t{1} << 30;

inline Ids random_ids(std::mt19937& random, size_t count, uint32_t alphabet = 3) {
  Ids ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % alphabet);
  return ids;
}

inline Ids joined(const Ids& a, const Ids& b) {
  Ids all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

inline std::unique_ptr<PrefixStore> make_store(size_t budget = kPlenty,
                                               ModelTag model = test_model()) {
  return PrefixStore::create({.model = std::move(model), .budget_bytes = budget}).value();
}

inline RowCopier copier(const ModelTag& model, const Ids& ids, uint32_t floor = 0) {
  return
      [&model, &ids, floor](uint32_t a, uint32_t b) { return test_rows(model, ids, a, b, floor); };
}

inline uint32_t insert(PrefixStore& store, const Ids& ids, const ModelTag& model = test_model(),
                       uint32_t floor = 0) {
  return store.insert(ids, copier(model, ids, floor));
}

// Fetches [from, to) and checks each byte that is there, and that enough is there to go on from
// `to`.
inline void expect_rows(PrefixStore& store, const Ids& ids, uint32_t from, uint32_t to,
                        const ModelTag& model = test_model()) {
  const auto held = store.fetch(ids, from, to);
  ASSERT_TRUE(held.ok()) << held.status().to_string();
  uint32_t at = from;
  for (const HeldRows& piece : *held) {
    ASSERT_EQ(piece.rows.from, at);
    ASSERT_LE(piece.rows.to, to);
    ASSERT_TRUE(check_rows(piece.rows, model).ok());
    const auto wanted = test_rows(model, ids, at, piece.rows.to, piece.rows.floor);
    ASSERT_TRUE(same_rows(piece.rows, wanted->view())) << at << " to " << piece.rows.to;
    for (const RowLayout::Part& part : model.layout.parts) {
      const uint32_t first_there = std::max(at, first_needed(part.window, piece.rows.floor));
      const uint32_t first_wanted = std::max(at, first_needed(part.window, to));
      ASSERT_TRUE(first_there <= first_wanted || first_wanted >= piece.rows.to);
    }
    at = piece.rows.to;
  }
  ASSERT_EQ(at, to);
}

}  // namespace etb::kv
