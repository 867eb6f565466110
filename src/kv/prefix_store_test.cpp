// The prefix store against a model that keeps everything: what it says it has, it has, bit by bit;
// and whatever fails around it, it stays whole.
#include "kv/prefix_store.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>

#include "kv/test_allocations.h"
#include "kv/test_prefixes.h"
#include "platform/test_folder.h"

namespace etb::kv {
namespace {

TEST(PrefixStore, KnowsWhatWasInsertedAndItsBeginnings) {
  const auto store = make_store();
  std::mt19937 random(1);
  const Ids ids = random_ids(random, 1000);
  EXPECT_EQ(store->longest_prefix(ids), 0U);
  EXPECT_EQ(insert(*store, ids), 1000U);
  for (const uint32_t length : {1U, 255U, 256U, 257U, 999U, 1000U}) {
    EXPECT_EQ(store->longest_prefix(std::span(ids).first(length)), length);
    expect_rows(*store, ids, 0, length);
    expect_rows(*store, ids, length / 2, length);
  }
  Ids other = ids;
  other[300] = 9;
  EXPECT_EQ(store->longest_prefix(other), 300U);
  EXPECT_EQ(store->longest_prefix(joined(ids, other)), 1000U);
  EXPECT_EQ(store->fetch(other, 0, 301).status().code(), StatusCode::NotFound);
  EXPECT_EQ(store->fetch(ids, 0, 1001).status().code(), StatusCode::NotFound);
  EXPECT_EQ(store->fetch(ids, 5, 4).status().code(), StatusCode::NotFound);
  EXPECT_TRUE(store->fetch(ids, 7, 7)->empty());
  EXPECT_EQ(store->stats().hits, 12U);
  EXPECT_EQ(store->stats().nodes, 4U);
}

TEST(PrefixStore, CopiesOnlyWhatIsNew) {
  const auto store = make_store();
  std::mt19937 random(2);
  const ModelTag model = test_model();
  Ids ids = random_ids(random, 700);
  insert(*store, ids);
  ids.resize(500);
  ids = joined(ids, random_ids(random, 300, 50));
  uint32_t next = store->longest_prefix(ids);
  EXPECT_GE(next, 500U);
  const uint32_t present = store->insert(ids, [&](uint32_t from, uint32_t to) {
    EXPECT_EQ(from, next);
    EXPECT_LE(to - from, kNodePositions);
    next = to;
    return test_rows(model, ids, from, to);
  });
  EXPECT_EQ(next, 800U);
  EXPECT_EQ(present, 800U);
  expect_rows(*store, ids, 0, 800);
  insert(*store, ids);  // nothing to copy
  store->insert(ids, [](uint32_t, uint32_t) {
    ADD_FAILURE() << "was here already";
    return Result<Rows>(Status(StatusCode::Internal, ""));
  });
}

TEST(PrefixStore, LeavesOutWhatCannotBeCopied) {
  const auto store = make_store();
  std::mt19937 random(3);
  const ModelTag model = test_model();
  const Ids ids = random_ids(random, 1000);
  EXPECT_EQ(store->insert(ids,
                          [&](uint32_t from, uint32_t to) {
                            return from >= 512 ? Result<Rows>(Status(StatusCode::Unsupported, "no"))
                                               : test_rows(model, ids, from, to);
                          }),
            512U);
  expect_rows(*store, ids, 0, 512);
  // Rows that are not what they should be are no better than none.
  const ModelTag other = test_model(8);
  EXPECT_EQ(store->insert(ids, copier(other, ids)), 512U);
  Ids wrong = ids;
  wrong[600] = 77;
  EXPECT_EQ(store->insert(ids, copier(model, wrong)), 512U);
  EXPECT_EQ(insert(*store, ids), 1000U);
}

TEST(PrefixStore, EvictsWhatWasUsedLongestAgoFromItsEnds) {
  std::mt19937 random(4);
  const Ids system = random_ids(random, 256, 100);
  const Ids first = joined(system, random_ids(random, 512, 100));
  Ids second = joined(system, random_ids(random, 512, 100));
  second[256] = first[256] + 1;
  const auto store = make_store();
  insert(*store, first);
  insert(*store, second);
  const size_t full = store->stats().bytes;
  expect_rows(*store, first, 0, 768);  // now the second is the older one
  store->set_budget(full - 1);
  EXPECT_EQ(store->stats().evictions, 1U);
  EXPECT_EQ(store->longest_prefix(first), 768U);
  EXPECT_EQ(store->longest_prefix(second), 512U);
  store->set_budget(full * 3 / 5);
  EXPECT_EQ(store->longest_prefix(first), 768U);
  EXPECT_EQ(store->longest_prefix(second), 256U);
  store->set_budget(full * 2 / 5);
  EXPECT_EQ(store->longest_prefix(first), 512U);
  EXPECT_EQ(store->longest_prefix(second), 256U);  // what both begin with goes last
  store->set_budget(0);
  EXPECT_EQ(store->longest_prefix(first), 0U);
  EXPECT_EQ(store->stats().bytes, 0U);
  EXPECT_EQ(store->stats().nodes, 0U);
  EXPECT_EQ(insert(*store, first), 0U);
}

TEST(PrefixStore, WhatExceedsTheBudgetIsKeptAsFarAsItGoes) {
  std::mt19937 random(5);
  const Ids small = random_ids(random, 256, 100);
  const Ids large = random_ids(random, 5000, 100);
  const auto store = make_store(100'000);
  insert(*store, small);
  const uint32_t kept = insert(*store, large);
  EXPECT_GE(kept, 2048U);
  EXPECT_LT(kept, 5000U);
  EXPECT_LE(store->stats().bytes, 100'000U);
  EXPECT_EQ(store->longest_prefix(small), 0U);
  expect_rows(*store, large, 0, kept);
}

TEST(PrefixStore, RowsHandedOutOutliveTheirEviction) {
  std::mt19937 random(6);
  const Ids ids = random_ids(random, 300);
  auto store = make_store();
  insert(*store, ids);
  const auto held = store->fetch(ids, 0, 300);
  ASSERT_TRUE(held.ok());
  store.reset();
  EXPECT_TRUE(same_rows((*held)[1].rows, test_rows(test_model(), ids, 256, 300)->view()));
}

TEST(PrefixStore, ClearForgetsEverything) {
  std::mt19937 random(7);
  const auto store = make_store();
  for (int i = 0; i < 20; ++i) insert(*store, random_ids(random, 400));
  EXPECT_GT(store->stats().bytes, 0U);
  store->clear();
  EXPECT_EQ(store->stats().bytes, 0U);
  EXPECT_EQ(store->stats().nodes, 0U);
}

TEST(PrefixStore, ALongConversationOfShortTurnsComesAndGoes) {
  const auto store = make_store(kPlenty, test_model(1, 0));
  const ModelTag model = test_model(1, 0);
  Ids ids;
  for (TokenId i = 0; i < 20'000; ++i) {
    ids.push_back(i % 7);
    if (i % 2 == 0) insert(*store, ids, model);
    if (i > 200 && i % 2 == 0) i += 60;
  }
  EXPECT_EQ(store->longest_prefix(ids), ids.size());
  store->clear();
  EXPECT_EQ(store->stats().nodes, 0U);
}

TEST(PrefixStore, KnowsAfterHowManyAWindowIsWhole) {
  const ModelTag model = test_model(3, 8, 16);
  const auto store = make_store(kPlenty, model);
  std::mt19937 random(8);
  const Ids ids = random_ids(random, 600);
  // Copied late: the window had given back all before 500 - 32.
  EXPECT_EQ(insert(*store, ids, model, 500), 600U);
  EXPECT_EQ(store->longest_prefix(std::span(ids).first(499)), 0U);
  EXPECT_EQ(store->longest_prefix(std::span(ids).first(500)), 500U);
  EXPECT_EQ(store->fetch(ids, 0, 499).status().code(), StatusCode::NotFound);
  expect_rows(*store, ids, 0, 500, model);
  expect_rows(*store, ids, 490, 600, model);
  // Another way that parts before that is of no use, and does no harm.
  Ids other = ids;
  other[300] = 9;
  EXPECT_EQ(insert(*store, other, model, 550), 600U);
  EXPECT_EQ(store->longest_prefix(std::span(other).first(549)), 0U);
  expect_rows(*store, other, 0, 550, model);
  expect_rows(*store, ids, 0, 600, model);
}

// ---- properties ---------------------------------------------------------------------------------

// Keeps every conversation it ever saw.
struct Everything {
  std::vector<Ids> known;

  uint32_t longest_prefix(const Ids& ids) const {
    size_t longest = 0;
    for (const Ids& k : known) {
      const size_t most = std::min(k.size(), ids.size());
      size_t same = 0;
      while (same < most && k[same] == ids[same]) ++same;
      longest = std::max(longest, same);
    }
    return static_cast<uint32_t>(longest);
  }

  // Something new, something known, or a known one that goes another way.
  Ids draw(std::mt19937& random) const {
    if (known.empty() || random() % 4 == 0) return random_ids(random, 1 + random() % 600);
    Ids ids = known[random() % known.size()];
    ids.resize(random() % (ids.size() + 1));
    return joined(ids, random_ids(random, random() % 200));
  }
};

TEST(PrefixStore, AnswersAsAModelThatKeepsEverything) {
  std::mt19937 random(9);
  for (int run = 0; run < 10; ++run) {
    const auto store = make_store();
    Everything everything;
    for (int step = 0; step < 300; ++step) {
      const Ids ids = everything.draw(random);
      ASSERT_EQ(store->longest_prefix(ids), everything.longest_prefix(ids));
      if (random() % 2 == 0) {
        ASSERT_EQ(insert(*store, ids), ids.size());
        everything.known.push_back(ids);
      } else if (const uint32_t there = store->longest_prefix(ids); there > 0) {
        const auto from = static_cast<uint32_t>(random() % there);
        expect_rows(*store, ids, from, there);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Drives one store under pressure; what it claims to have must be right.
void run_under_pressure(PrefixStore& store, const ModelTag& model, std::mt19937& random,
                        size_t budget) {
  Everything everything;
  for (int step = 0; step < 600; ++step) {
    const Ids ids = everything.draw(random);
    const uint32_t there = store.longest_prefix(ids);
    ASSERT_LE(there, everything.longest_prefix(ids));
    if (there > 0) {
      expect_rows(store, ids, static_cast<uint32_t>(random() % there), there, model);
      if (::testing::Test::HasFatalFailure()) return;
    }
    const uint32_t floor = random() % 2 == 0 ? 0 : static_cast<uint32_t>(random() % 300);
    if (random() % 3 != 0) {
      const uint32_t kept =
          insert(store, ids, model, std::min<uint32_t>(floor, static_cast<uint32_t>(ids.size())));
      ASSERT_EQ(store.longest_prefix(ids), kept);
      everything.known.push_back(ids);
    }
    if (random() % 50 == 0) store.set_budget(random() % budget);
    if (random() % 50 == 0) store.set_budget(budget);
    if (random() % 200 == 0) store.clear();
    ASSERT_LE(store.stats().bytes, budget);
  }
}

TEST(PrefixStore, IsRightUnderPressure) {
  std::mt19937 random(10);
  for (int run = 0; run < 6; ++run) {
    const ModelTag model = run % 2 == 0 ? test_model() : test_model(4, 8, 40);
    const size_t budget = 50'000 + random() % 400'000;
    const auto store = make_store(budget, model);
    run_under_pressure(*store, model, random, budget);
    if (HasFatalFailure()) return;
  }
}

TEST(PrefixStore, IsRightUnderPressureWithADisk) {
  std::mt19937 random(11);
  for (int run = 0; run < 2; ++run) {
    const TestFolder folder;
    const ModelTag model = run % 2 == 0 ? test_model() : test_model(4, 8, 40);
    const size_t budget = 60'000;
    const auto store = PrefixStore::create({.model = model,
                                            .budget_bytes = budget,
                                            .folder = folder.path("kv"),
                                            .disk_budget_bytes = 300'000})
                           .value();
    run_under_pressure(*store, model, random, budget);
    if (HasFatalFailure()) return;
    EXPECT_LE(store->stats().disk_bytes, 300'000U);
  }
}

// ---- faults -------------------------------------------------------------------------------------

TEST(PrefixStore, AnInsertThatRunsOutOfMemoryLosesNothingElse) {
  std::mt19937 random(12);
  const ModelTag model = test_model();
  const Ids old = random_ids(random, 700);
  Ids parting = old;
  parting.resize(300);
  parting = joined(parting, random_ids(random, 500, 50));
  size_t failed = 0;
  for (size_t nth = 1;; ++nth) {
    const auto store = make_store();
    insert(*store, old);
    size_t asked = 0;
    uint32_t kept = 0;
    {
      const MemoryFault fault([&](size_t) { return ++asked == nth; });
      kept = insert(*store, parting);
    }
    ASSERT_GE(kept, 300U);
    expect_rows(*store, old, 0, 700);
    expect_rows(*store, parting, 0, kept);
    if (asked < nth) break;
    failed += kept < 800 ? 1 : 0;
    ASSERT_EQ(insert(*store, parting), 800U);
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(failed, 4U);
}

TEST(PrefixStore, AnyAllocationMayFail) {
  std::mt19937 random(13);
  const TestFolder folder;
  const ModelTag model = test_model();
  const Ids old = random_ids(random, 700);
  Ids parting = old;
  parting.resize(300);
  parting = joined(parting, random_ids(random, 300, 50));
  for (long nth = 0;; ++nth) {
    // Small enough that the insert evicts, to disk.
    const auto store = PrefixStore::create({.model = model,
                                            .budget_bytes = 60'000,
                                            .folder = folder.path("kv"),
                                            .disk_budget_bytes = kPlenty})
                           .value();
    insert(*store, old);
    insert(*store, random_ids(random, 500, 20));
    const RowCopier copy = [&](uint32_t from, uint32_t to) {
      const long left = fail_allocation(-1);  // the store's own fail, not these
      auto rows = test_rows(model, parting, from, to);
      fail_allocation(left);
      return rows;
    };
    fail_allocation(nth);
    store->insert(parting, copy);
    const bool over = fail_allocation(nth) >= 0;
    const auto held = store->fetch(parting, 0, 200);
    fail_allocation(-1);
    if (!held.ok()) {
      ASSERT_TRUE(held.status().code() == StatusCode::OutOfMemory ||
                  held.status().code() == StatusCode::NotFound)
          << held.status().to_string();
    }
    // It goes on: bytes are counted right, rows are right.
    ASSERT_LE(store->stats().bytes, 60'000U);
    const uint32_t there = insert(*store, parting);
    ASSERT_EQ(there, parting.size()) << nth;
    expect_rows(*store, parting, 0, there);
    if (HasFatalFailure()) return;
    store->clear();
    ASSERT_EQ(store->stats().bytes, 0U);
    ASSERT_EQ(store->stats().disk_bytes, 0U);
    if (over) break;
    ASSERT_LT(nth, 2000);
  }
}

}  // namespace
}  // namespace etb::kv
