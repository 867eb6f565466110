#include "runner/fake_runner.h"

#include <algorithm>

#include "base/text.h"
#include "runner/append_checks.h"

namespace etb::runner {
namespace {

class FakeSequence final : public Sequence {
 public:
  explicit FakeSequence(std::shared_ptr<FakeRunner> runner) : runner_(std::move(runner)) {}

  Result<std::span<const float>> forward(std::span<const TokenId> ids,
                                         const CancelToken* cancel) override {
    ETB_RETURN_IF_ERROR(check_ids(ids, runner_->model().vocab_size));
    return run(ids, cancel);
  }

  Result<std::span<const float>> forward_embeddings(std::span<const TokenId> ids,
                                                    std::span<const uint8_t> rows,
                                                    const CancelToken* cancel) override {
    if (runner_->model().media.none()) return Sequence::forward_embeddings(ids, rows, cancel);
    if (rows.size() != ids.size() || !std::ranges::all_of(ids, is_media_id)) {
      return Status(StatusCode::InvalidArgument, "ids or rows that are not those of media");
    }
    return run(ids, cancel);
  }

  Status forward_all(std::span<const TokenId> ids, const CancelToken* cancel,
                     const LogitsVisitor& visit) override {
    if (!runner_->model().has_forward_all) {
      return {StatusCode::Unsupported, "the fake model gives no logits of all positions"};
    }
    ETB_RETURN_IF_ERROR(check_ids(ids, runner_->model().vocab_size));
    ETB_RETURN_IF_ERROR(check(ids));
    return feed(ids, cancel, &visit);
  }

  uint32_t position() const override { return static_cast<uint32_t>(history_.size()); }
  uint32_t capacity() const override { return runner_->model().context; }
  uint32_t rewind_floor() const override { return 0; }

  Status rewind(uint32_t position) override {
    if (position > history_.size()) {
      return {StatusCode::InvalidArgument, concat("cannot rewind to position ", position)};
    }
    history_.resize(position);
    return {};
  }

  std::span<const TokenId> ids() const override { return history_; }

  Result<kv::Rows> copy_rows(uint32_t from, uint32_t to) const override {
    ETB_RETURN_IF_ERROR(check_reachable());
    if (from > to || to > position()) {
      return Status(StatusCode::InvalidArgument, concat("rows ", from, " to ", to, " of a sequence",
                                                        " at position ", position()));
    }
    kv::Rows rows;
    rows.from = from;
    rows.to = to;
    rows.model_key = runner_->meta().model_key;
    rows.ids.assign(history_.begin() + from, history_.begin() + to);
    runner_->counts().rows_copied += to - from;
    return rows;
  }

  Status append_rows(const kv::RowsView& rows) override {
    ETB_RETURN_IF_ERROR(check_reachable());
    ETB_RETURN_IF_ERROR(kv::check_rows(rows, runner_->meta().model_tag()));
    ETB_RETURN_IF_ERROR(
        check_ids(rows.ids, runner_->model().vocab_size, !runner_->model().media.none()));
    ETB_RETURN_IF_ERROR(check_place(rows, position(), capacity()));
    take(rows.ids);
    return {};
  }

  Status append_from(const Sequence& other, uint32_t to) override {
    ETB_RETURN_IF_ERROR(check_reachable());
    const auto* source = dynamic_cast<const FakeSequence*>(&other);
    if (source == nullptr || source == this || source->runner_ != runner_) {
      return {StatusCode::InvalidArgument, "no other sequence of the same fake model"};
    }
    ETB_RETURN_IF_ERROR(check_common(*this, other, to));
    take(other.ids().subspan(position(), to - position()));
    return {};
  }

  KvUsage kv_usage() const override {
    return {history_.size() * sizeof(TokenId), history_.capacity() * sizeof(TokenId)};
  }

 private:
  Status check_reachable() const {
    if (runner_->meta().model_key != 0) return {};
    return {StatusCode::Unsupported, "the fake model keeps its state out of reach"};
  }

  void take(std::span<const TokenId> ids) {
    history_.insert(history_.end(), ids.begin(), ids.end());
    runner_->counts().rows_appended += ids.size();
  }

  Status check(std::span<const TokenId> ids) {
    ++runner_->counts().calls;
    const FakeModel& model = runner_->model();
    if (ids.empty()) return {StatusCode::InvalidArgument, "no tokens to run"};
    if (ids.size() <= model.context - history_.size()) return {};
    return {StatusCode::ContextFull, concat(ids.size(), " tokens from position ", history_.size(),
                                            " do not fit a context of ", model.context)};
  }

  Result<std::span<const float>> run(std::span<const TokenId> ids, const CancelToken* cancel) {
    ETB_RETURN_IF_ERROR(check(ids));
    ETB_RETURN_IF_ERROR(feed(ids, cancel, nullptr));
    logits_ = logits_after(history_);
    return std::span<const float>(logits_);
  }

  Status feed(std::span<const TokenId> ids, const CancelToken* cancel, const LogitsVisitor* visit) {
    const FakeModel& model = runner_->model();
    for (size_t done = 0; done < ids.size();) {
      const auto cancelled = [&] { return cancel != nullptr && cancel->cancelled(); };
      const Status stopped(StatusCode::Cancelled, concat("cancelled at position ", position()));
      if (cancelled()) return stopped;
      if (model.before_chunk) ETB_RETURN_IF_ERROR(model.before_chunk(position()));
      if (cancelled()) return stopped;  // as between the layers of a real model
      const size_t count = std::min<size_t>(model.chunk, ids.size() - done);
      history_.insert(history_.end(), ids.begin() + static_cast<std::ptrdiff_t>(done),
                      ids.begin() + static_cast<std::ptrdiff_t>(done + count));
      ++runner_->counts().chunks;
      runner_->counts().ids += count;
      if (visit != nullptr) ETB_RETURN_IF_ERROR(visit_chunk(done, count, *visit));
      done += count;
    }
    return {};
  }

  Status visit_chunk(size_t first, size_t count, const LogitsVisitor& visit) {
    const std::span<const TokenId> history(history_);
    for (size_t i = 0; i < count; ++i) {
      const auto logits = logits_after(history.first(history.size() - count + i + 1));
      ETB_RETURN_IF_ERROR(visit(first + i, logits));
    }
    return {};
  }

  std::vector<float> logits_after(std::span<const TokenId> history) const {
    const FakeModel& model = runner_->model();
    std::vector<float> logits =
        model.script ? model.script(history)
                     : one_hot((history.back() + 1) % model.vocab_size, model.vocab_size);
    logits.resize(model.vocab_size);
    return logits;
  }

  std::shared_ptr<FakeRunner> runner_;
  std::vector<TokenId> history_;
  std::vector<float> logits_;
};

}  // namespace

std::vector<float> one_hot(TokenId id, size_t vocab_size) {
  std::vector<float> logits(vocab_size);
  if (id < vocab_size) logits[id] = 10;
  return logits;
}

FakeScript scripted_reply(size_t prompt_size, std::vector<TokenId> reply, TokenId end,
                          size_t vocab_size) {
  return [=](std::span<const TokenId> history) {
    const size_t said = history.size() - std::min(history.size(), prompt_size);
    return one_hot(said < reply.size() ? reply[said] : end, vocab_size);
  };
}

FakeRunner::FakeRunner(FakeModel model) : model_(std::move(model)) {
  meta_.context = model_.context;
  meta_.chunk = model_.chunk;
  meta_.vocab_size = model_.vocab_size;
  meta_.has_forward_all = model_.has_forward_all;
  meta_.kv_bytes_per_token = sizeof(TokenId);
  meta_.kv_arena_bytes = model_.context * sizeof(TokenId);
  meta_.kernel_path = "fake";
  meta_.threads = 1;
  meta_.model_key = model_.model_key;
  meta_.model_name = model_.model_name;
  meta_.media = model_.media;
}

Result<std::shared_ptr<const Embeddings>> FakeRunner::encode(const media::Media& media,
                                                             const CancelToken* cancel) {
  ETB_ASSIGN_OR_RETURN(const uint32_t positions, model_.media.positions_of(media));
  if (cancel != nullptr && cancel->cancelled()) {
    return Status(StatusCode::Cancelled, "cancelled in an encoder");
  }
  ++counts_.encoded;
  return std::make_shared<const Embeddings>(
      Embeddings{.positions = positions, .row_bytes = 1, .bytes = std::vector<uint8_t>(positions)});
}

std::shared_ptr<FakeRunner> FakeRunner::make(FakeModel model) {
  return std::shared_ptr<FakeRunner>(new FakeRunner(std::move(model)));
}

Result<std::unique_ptr<Sequence>> FakeRunner::new_sequence() {
  ++counts_.sequences;
  std::unique_ptr<Sequence> sequence = std::make_unique<FakeSequence>(shared_from_this());
  return sequence;
}

}  // namespace etb::runner
