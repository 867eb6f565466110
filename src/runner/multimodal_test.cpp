// Multimodal .pte files against the logits of the eager PyTorch models (make_fixtures.py in
// tests/references/stock): text, image, sound and text again, in pieces of any size.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "model/pte_file.h"
#include "runner/testing/recorded.h"
#include "runner/text_runner.h"

namespace etb::runner {
namespace {

struct Fixture {
  std::string name;
  double tolerance;
  bool all_rows;  // and a sound
};
std::ostream& operator<<(std::ostream& out, const Fixture& fixture) {
  return out << fixture.name;
}

std::shared_ptr<TextRunner> load(const std::string& name) {
  auto pte = model::PteFile::open(recorded_path(name + ".pte"));
  EXPECT_TRUE(pte.ok()) << pte.status().to_string();
  RunnerOptions options;
  const auto setting = [&](std::string_view key) { return pte->summary().numbers(key); };
  EXPECT_TRUE(media::read_recipe(setting, options.image).ok());
  auto runner = TextRunner::load({.file = pte->mapping()}, options);
  EXPECT_TRUE(runner.ok()) << runner.status().to_string();
  return runner.ok() ? *runner : nullptr;
}

// The recorded ids with those of the media that stand there.
class Multimodal : public ::testing::TestWithParam<Fixture> {
 protected:
  void SetUp() override {
    recorded_ = read_recorded(GetParam().name);
    ASSERT_GT(recorded_.ids.size(), 15u);
    RecordedMedia media = read_recorded_media(GetParam().name);
    image_ = media::Media::image(std::move(media.image)).value();
    sound_ = media::Media::audio(std::move(media.audio)).value();
    runner_ = load(GetParam().name);
    ASSERT_NE(runner_, nullptr);
    sequence_ = runner_->new_sequence().value();
    ids_ = recorded_.ids;
    std::map<TokenId, uint32_t> seen;
    for (TokenId& id : ids_) {
      if (id >= kFirstMediaId) id = media_of(id)->id_at(seen[id]++);
    }
  }

  const std::shared_ptr<const media::Media>& media_of(TokenId recorded) const {
    return recorded == kFirstMediaId ? image_ : sound_;
  }

  // Feeds [from, to), cut where it changes between text and media, and compares what comes last.
  void feed(size_t from, size_t to) {
    for (size_t next = from; from < to; from = next) {
      const TokenId kind = recorded_.ids[from];
      const auto same = [&](TokenId id) {
        return kind < kFirstMediaId ? id < kFirstMediaId : id == kind;
      };
      while (next < to && same(recorded_.ids[next])) ++next;
      const auto ids = std::span(ids_).subspan(from, next - from);
      const auto logits = kind < kFirstMediaId ? sequence_->forward(ids, nullptr)
                                               : feed_media(*media_of(kind), from, ids);
      ASSERT_TRUE(logits.ok()) << logits.status().to_string();
      expect_logits(next - 1, *logits);
    }
  }

  Result<std::span<const float>> feed_media(const media::Media& media, size_t from,
                                            std::span<const TokenId> ids) {
    ETB_ASSIGN_OR_RETURN(const auto rows, runner_->encode(media, nullptr));
    const auto first = std::ranges::find(recorded_.ids, recorded_.ids[from]);
    const size_t skipped = from - static_cast<size_t>(first - recorded_.ids.begin());
    return sequence_->forward_embeddings(
        ids,
        std::span(rows->bytes).subspan(skipped * rows->row_bytes, ids.size() * rows->row_bytes),
        nullptr);
  }

  void expect_logits(size_t after, std::span<const float> logits) {
    ASSERT_LE(distance(recorded_.logits[after], logits), GetParam().tolerance)
        << "after position " << after;
  }

  Recorded recorded_;
  std::shared_ptr<const media::Media> image_, sound_;
  std::shared_ptr<TextRunner> runner_;
  std::unique_ptr<Sequence> sequence_;
  std::vector<TokenId> ids_;
};

TEST_P(Multimodal, SaysWhatItTakes) {
  const RunnerMeta& meta = runner_->meta();
  EXPECT_EQ(meta.context, 64u);
  EXPECT_EQ(meta.vocab_size, 256u);
  EXPECT_EQ(meta.has_forward_all, GetParam().all_rows);
  ASSERT_TRUE(meta.media.image);
  EXPECT_EQ(meta.media.image->positions, 4u);
  EXPECT_EQ(meta.media.audio.has_value(), GetParam().all_rows);
}

TEST_P(Multimodal, EachPositionByItselfGivesTheEagerLogits) {
  for (size_t i = 0; i < ids_.size(); ++i) feed(i, i + 1);
}

TEST_P(Multimodal, StretchesAtOnceGiveTheSame) {
  feed(0, ids_.size());
  EXPECT_TRUE(std::ranges::equal(sequence_->ids(), ids_));
}

TEST_P(Multimodal, TurnsMayEndInsideAnImage) {
  feed(0, 7);
  feed(7, ids_.size());
}

TEST_P(Multimodal, ARewoundSequenceForgets) {
  feed(0, 9);
  ASSERT_TRUE(sequence_->forward(std::vector<TokenId>{9, 8, 7}, nullptr).ok());
  ASSERT_TRUE(sequence_->rewind(6).ok()) << "inside the image";
  feed(6, ids_.size());
}

TEST_P(Multimodal, AnImageIsEncodedOnce) {
  const auto first = runner_->encode(*image_, nullptr);
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_EQ((*first)->positions, 4u);
  media::Image same = image_->image();
  EXPECT_EQ(*runner_->encode(*media::Media::image(same).value(), nullptr), *first);
  same.rgb[5] ^= 0x80;
  const auto other = runner_->encode(*media::Media::image(same).value(), nullptr).value();
  EXPECT_NE(other->bytes, (*first)->bytes);
}

TEST_P(Multimodal, AnyImageIsScaledToTheEncoder) {
  const auto large =
      media::Media::image(
          {.width = 333, .height = 50, .rgb = std::vector<uint8_t>(333 * 50 * 3, 99)})
          .value();
  const auto small = media::Media::image({.width = 1, .height = 1, .rgb = {99, 99, 99}}).value();
  const auto rows = runner_->encode(*large, nullptr);
  ASSERT_TRUE(rows.ok()) << rows.status().to_string();
  EXPECT_EQ((*rows)->bytes, runner_->encode(*small, nullptr).value()->bytes) << "both are grey";
}

TEST_P(Multimodal, WhatDoesNotFitIsRefusedAndChangesNothing) {
  const auto rows = runner_->encode(*image_, nullptr).value();
  const std::vector<TokenId> ids = {image_->id_at(0), image_->id_at(1)};
  const auto code = [&](std::span<const TokenId> with, size_t bytes) {
    return sequence_->forward_embeddings(with, std::span(rows->bytes).first(bytes), nullptr)
        .status()
        .code();
  };
  EXPECT_EQ(code(ids, rows->row_bytes), StatusCode::InvalidArgument) << "too few rows";
  EXPECT_EQ(code({}, 0), StatusCode::InvalidArgument);
  EXPECT_EQ(code(std::vector<TokenId>{1, 2}, 2 * rows->row_bytes), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence_->forward(ids, nullptr).status().code(), StatusCode::InvalidArgument)
      << "they are no tokens";
  for (int i = 0; i < 31; ++i) EXPECT_EQ(code(ids, 2 * rows->row_bytes), StatusCode::Ok);
  ASSERT_EQ(sequence_->position(), 62u);
  EXPECT_EQ(code(ids, 2 * rows->row_bytes), StatusCode::Ok);
  EXPECT_EQ(code(ids, 2 * rows->row_bytes), StatusCode::ContextFull);
  EXPECT_EQ(sequence_->position(), 64u);
}

TEST_P(Multimodal, ASoundOfOtherSizesIsRefused) {
  for (const auto& [batch, bins, frames] :
       {std::array<uint32_t, 3>{2, 7, 12}, {2, 8, 13}, {9, 8, 12}, {1, 0, 96}}) {
    const size_t count = size_t{batch} * std::max(bins, 1U) * frames;
    const auto wrong =
        media::Media::audio(
            {.batch = batch, .bins = bins, .frames = frames, .values = std::vector<float>(count)})
            .value();
    const auto rows = runner_->encode(*wrong, nullptr);
    EXPECT_EQ(rows.status().code(),
              GetParam().all_rows ? StatusCode::InvalidArgument : StatusCode::Unsupported);
  }
}

TEST_P(Multimodal, ACancelledEncoderGivesNothing) {
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(runner_->encode(*image_, &cancel).status().code(), StatusCode::Cancelled);
  EXPECT_TRUE(runner_->encode(*image_, nullptr).ok());
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Multimodal,
                         ::testing::Values(Fixture{"media-fp32", 1e-4, true},
                                           Fixture{"media-bytes-fp16", 3e-3, false}),
                         [](const auto& fixture) {
                           std::string name = fixture.param.name;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(TextModel, TakesNoImages) {
  const auto runner = load("llm-fp32");
  const auto image = media::Media::image({.width = 1, .height = 1, .rgb = {1, 2, 3}}).value();
  EXPECT_EQ(runner->encode(*image, nullptr).status().code(), StatusCode::Unsupported);
  const std::vector<uint8_t> rows(128);
  EXPECT_EQ(runner->new_sequence()
                .value()
                ->forward_embeddings(std::vector<TokenId>{image->id_at(0)}, rows, nullptr)
                .status()
                .code(),
            StatusCode::Unsupported);
}

}  // namespace
}  // namespace etb::runner
