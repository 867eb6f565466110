// KV rows of real models, imported as a user's would be: a prefix taken from another conversation,
// from the prefix store or from a session file gives, bit by bit, the logits of a fresh run.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <random>

#include "base/clock.h"
#include "engine/sequence_pool.h"
#include "kv/kv_memory.h"
#include "kv/prefix_store.h"
#include "kv/session_file.h"
#include "platform/test_folder.h"
#include "runner_support/imported_model.h"
#include "support/random_gguf.h"

namespace etb::runner {
namespace {

using testing::ImportedModel;

std::vector<TokenId> random_ids(size_t count, uint32_t vocab, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % vocab);
  return ids;
}

// The logits after `ids` on an empty sequence.
std::vector<float> fresh_run(TextRunner& runner, std::span<const TokenId> ids) {
  auto sequence = runner.new_sequence().value();
  const auto logits = sequence->forward(ids, nullptr);
  EXPECT_TRUE(logits.ok()) << logits.status().to_string();
  return {logits->begin(), logits->end()};
}

::testing::AssertionResult goes_on_exactly(Sequence& sequence, std::span<const TokenId> ids,
                                           const std::vector<float>& wanted) {
  const auto logits = sequence.forward(ids.subspan(sequence.position()), nullptr);
  if (!logits.ok()) return ::testing::AssertionFailure() << logits.status().to_string();
  if (std::memcmp(logits->data(), wanted.data(), wanted.size() * sizeof(float)) == 0) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "logits differ";
}

kv::RowCopier rows_of(const Sequence& sequence) {
  return [&sequence](uint32_t from, uint32_t to) { return sequence.copy_rows(from, to); };
}

Status append(Sequence& sequence, const Result<std::vector<kv::HeldRows>>& held) {
  if (!held.ok()) return held.status();
  for (const kv::HeldRows& piece : *held) ETB_RETURN_IF_ERROR(sequence.append_rows(piece.rows));
  return {};
}

// Every way in which a prefix of `length` can come to another sequence.
void expect_every_way(TextRunner& runner, TextRunner& other_context, std::span<const TokenId> ids,
                      uint32_t length) {
  const std::vector<float> wanted = fresh_run(runner, ids);
  auto source = runner.new_sequence().value();
  ASSERT_TRUE(source->forward(ids.first(ids.size() - 3), nullptr).ok());

  auto fork = runner.new_sequence().value();
  ASSERT_TRUE(fork->append_from(*source, length).ok());
  EXPECT_TRUE(goes_on_exactly(*fork, ids, wanted)) << "fork at " << length;

  auto elsewhere = other_context.new_sequence().value();
  ASSERT_TRUE(elsewhere->append_rows(source->copy_rows(0, length)->view()).ok());
  EXPECT_TRUE(goes_on_exactly(*elsewhere, ids, wanted)) << "other context at " << length;

  const TestFolder folder;
  const kv::ModelTag model = runner.meta().model_tag();
  auto store = kv::PrefixStore::create({.model = model,
                                        .budget_bytes = size_t{1} << 30,
                                        .folder = folder.path("store"),
                                        .disk_budget_bytes = uint64_t{1} << 30})
                   .value();
  ASSERT_EQ(store->insert(ids.first(length), rows_of(*source)), length);
  for (const bool on_disk : {false, true}) {
    if (on_disk) store->set_budget(0);
    auto stored = runner.new_sequence().value();
    ASSERT_TRUE(append(*stored, store->fetch(ids, 0, length)).ok());
    EXPECT_TRUE(goes_on_exactly(*stored, ids, wanted)) << "store at " << length;
  }

  const std::string path = folder.path("a.session");
  const kv::SessionContent content{model, runner.meta().context, 0, source->rewind_floor(),
                                   ids.first(length)};
  ASSERT_TRUE(kv::write_session(path, content, rows_of(*source)).ok());
  const auto file = kv::SessionFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  ASSERT_TRUE((*file)->check_model(other_context.meta().model_tag()).ok());
  auto restored = other_context.new_sequence().value();
  ASSERT_TRUE(restored->append_rows(*(*file)->rows()).ok());
  EXPECT_TRUE(goes_on_exactly(*restored, ids, wanted)) << "session file at " << length;
}

TEST(KvReuse, RandomModelsGiveTheSameBits) {
  test::RandomGgufSpec mixed;
  mixed.layers = 3;
  mixed.width = 96;
  mixed.ffn = 160;
  mixed.heads = 6;
  mixed.kv_heads = 3;
  mixed.head_dim = 32;
  mixed.matrices = layout::GgmlType::Q8_0;
  for (const test::RandomGgufSpec& spec : {test::RandomGgufSpec(), mixed}) {
    const TestFolder folder;
    const ImportedModel model(folder.write("model.gguf", test::random_gguf(spec)));
    ASSERT_EQ(model.error(), "");
    const auto runner = model.load(512, 32, {}).value();
    const auto other = model.load(192, 13, {.threads = 1, .kernel_path = "scalar"}).value();
    EXPECT_EQ(runner->meta().model_key, other->meta().model_key);
    EXPECT_EQ(runner->meta().model_name, "Random");
    const auto ids = random_ids(160, spec.vocab, 3);
    for (const uint32_t length : {1U, 16U, 33U, 100U, 157U}) {
      expect_every_way(*runner, *other, ids, length);
    }
  }
}

// Every sixth layer sees all, the others the last 64: what lies behind goes back to the system.
test::RandomGgufSpec mixed_windows() {
  test::RandomGgufSpec spec;
  spec.architecture = "gemma3";
  spec.layers = 7;
  spec.kv_heads = 1;
  spec.head_dim = 64;
  spec.context = 2048;
  spec.tokenizer = test::RandomVocab::SentencePiece;
  spec.extra_keys = [](test::GgufWriter& writer) {
    writer.key_u32("gemma3.attention.sliding_window", 64);
  };
  return spec;
}

// In one forward of all ids nothing can be given back, in small ones it is again and again.
TEST(KvReuse, RowsGivenBackBehindAWindowChangeNoBit) {
  const TestFolder folder;
  const ImportedModel model(folder.write("m.gguf", test::random_gguf(mixed_windows())));
  ASSERT_EQ(model.error(), "");
  const auto whole = model.load(2048, 2048, {}).value();
  const auto pieces = model.load(2048, 32, {}).value();
  const auto ids = random_ids(1500, whole->meta().vocab_size, 3);
  const std::vector<float> wanted = fresh_run(*whole, ids);
  auto sequence = pieces->new_sequence().value();
  size_t most = 0;
  while (sequence->position() < 1480) {
    const auto next = std::span(ids).subspan(sequence->position(), 20);
    ASSERT_TRUE(sequence->forward(next, nullptr).ok());
    most = std::max(most, sequence->kv_usage().used_bytes);
  }
  const size_t row = pieces->meta().kv_bytes_per_token / 7;
  EXPECT_LE(most, row * 1480 + 6 * row * kv::most_window_rows(64, 20));
#ifndef ETB_EMULATED
  EXPECT_LE(sequence->kv_usage().committed_bytes, most + 7 * 2 * 3 * page_size());
#endif
  EXPECT_TRUE(goes_on_exactly(*sequence, ids, wanted));

  // Back as far as there are rows, and no further; from the start again.
  const uint32_t floor = sequence->rewind_floor();
  EXPECT_GE(floor, 1500U - 2 * 64);
  EXPECT_EQ(sequence->rewind(floor - 1).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence->position(), 1500U);
  for (const uint32_t back : {1490U, floor, 0U}) {
    ASSERT_TRUE(sequence->rewind(back).ok());
    EXPECT_TRUE(goes_on_exactly(*sequence, ids, wanted)) << "from " << back;
  }
}

TEST(KvReuse, RowsBehindAWindowCrossSequencesAndFiles) {
  const TestFolder folder;
  const ImportedModel model(folder.write("m.gguf", test::random_gguf(mixed_windows())));
  const auto runner = model.load(2048, 32, {}).value();
  const auto other = model.load(1024, 13, {.threads = 1, .kernel_path = "scalar"}).value();
  const auto ids = random_ids(900, runner->meta().vocab_size, 4);
  auto source = runner->new_sequence().value();
  ASSERT_TRUE(source->forward(std::span(ids).first(897), nullptr).ok());
  const uint32_t floor = source->rewind_floor();
  ASSERT_GT(floor, 700U);
  expect_every_way(*runner, *other, ids, floor);
  expect_every_way(*runner, *other, ids, 897);
  auto fork = runner->new_sequence().value();
  EXPECT_EQ(fork->append_from(*source, floor - 1).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(fork->position(), 0U);
}

// What an app sees: a message far back is edited, and the rows before it are gone.
TEST(KvReuse, APromptThatPartsBehindTheWindowIsComputedAnew) {
  const TestFolder folder;
  const ImportedModel model(folder.write("m.gguf", test::random_gguf(mixed_windows())));
  const auto runner = model.load(2048, 32, {}).value();
  SequencePool pool(*runner, {.folder = folder.path("pool")}, Clock::system());
  const auto first = random_ids(900, runner->meta().vocab_size, 5);
  auto edited = first;
  edited[300] = (edited[300] + 1) % runner->meta().vocab_size;
  auto longer = edited;
  longer.resize(880);
  const auto ask = [&](uint64_t session, const std::vector<TokenId>& prompt, uint32_t reused) {
    runner::Sequence* const sequence = pool.place(session, prompt, true).value();
    EXPECT_EQ(sequence->position(), reused);
    EXPECT_TRUE(goes_on_exactly(*sequence, prompt, fresh_run(*runner, prompt)));
  };
  ask(1, first, 0);
  ask(1, edited, 0);
  ask(1, longer, 879);  // by a rewind within the window's room
  ask(2, longer, 879);  // from the other session
  pool.park(1);
  ask(1, edited, 880);  // from its file
}

TEST(KvReuse, ModelsOfOtherWeightsHaveOtherKeys) {
  const TestFolder folder;
  test::RandomGgufSpec spec;
  const ImportedModel one(folder.write("one.gguf", test::random_gguf(spec)));
  spec.seed = 2;
  const ImportedModel two(folder.write("two.gguf", test::random_gguf(spec)));
  const auto first = one.load(0, 0, {}).value();
  const auto second = two.load(0, 0, {}).value();
  EXPECT_NE(first->meta().model_key, second->meta().model_key);
  EXPECT_EQ(first->meta().row_layout, second->meta().row_layout);
  auto sequence = first->new_sequence().value();
  ASSERT_TRUE(sequence->forward(random_ids(10, spec.vocab, 1), nullptr).ok());
  EXPECT_EQ(second->new_sequence().value()->append_rows(sequence->copy_rows(0, 10)->view()).code(),
            StatusCode::InvalidArgument);
}

#ifdef ETB_SLOWED
constexpr size_t kRestored = 100;
#else
constexpr size_t kRestored = 1500;
#endif

// Figures are printed, never asserted: whoever runs it on a quiet machine reads them.
TEST(KvReuse, SmolLM2ComesBackFromAFile) {
  const ImportedModel model(ETB_TEST_MODEL);
  ASSERT_EQ(model.error(), "");
  const auto runner = model.load(2048, 0, {}).value();
  const auto other = model.load(8192, 0, {}).value();
  const auto ids = random_ids(kRestored + 1, runner->meta().vocab_size, 5);
  const TestFolder folder;
  const std::string path = folder.path("a.session");
  const Clock& clock = Clock::system();
  const int64_t start = clock.now_ns();
  auto source = runner->new_sequence().value();
  ASSERT_TRUE(source->forward(std::span(ids).first(kRestored), nullptr).ok());
  const int64_t filled = clock.now_ns();
  const kv::SessionContent content{runner->meta().model_tag(), 2048, 0, 0, source->ids()};
  ASSERT_TRUE(kv::write_session(path, content, rows_of(*source)).ok());
  const auto last = source->forward(std::span(ids).last(1), nullptr);
  const std::vector<float> wanted(last->begin(), last->end());

  const int64_t opened = clock.now_ns();
  const auto file = kv::SessionFile::open(path).value();
  auto restored = other->new_sequence().value();
  ASSERT_TRUE(restored->append_rows(*file->rows()).ok());
  const int64_t back = clock.now_ns();
  EXPECT_TRUE(goes_on_exactly(*restored, ids, wanted));
  const int64_t answered = clock.now_ns();
  std::printf("%zu tokens: prefill %.0f ms; restored in %.1f ms, first token after %.1f ms\n",
              kRestored, elapsed_ms(start, filled), elapsed_ms(opened, back),
              elapsed_ms(opened, answered));
  // What does not hang on the machine: nothing but one token was computed again.
  EXPECT_EQ(restored->position(), kRestored + 1);
  EXPECT_EQ(source->kv_usage().used_bytes, restored->kv_usage().used_bytes);

  auto fork = runner->new_sequence().value();
  const int64_t forked = clock.now_ns();
  ASSERT_TRUE(fork->append_from(*source, kRestored).ok());
  std::printf("forked in %.1f ms\n", elapsed_ms(forked, clock.now_ns()));
  EXPECT_TRUE(goes_on_exactly(*fork, ids, wanted));
}

}  // namespace
}  // namespace etb::runner
