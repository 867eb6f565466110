#include "runner/executorch_sequence.h"

#include <algorithm>
#include <array>

#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/core/exec_aten/exec_aten.h>

#include "base/text.h"
#include "kernels/execution.h"
#include "runner/append_checks.h"
#include "runner/program_meta.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

using executorch::aten::ScalarType;
using executorch::runtime::Error;
using executorch::runtime::EValue;

constexpr size_t kActivations = 0;  // index of memory id 1
constexpr size_t kKv = 1;           // index of memory id 2

// A contiguous Long tensor over memory of the caller. Must outlive set_input(), its data execute().
class LongTensor {
 public:
  LongTensor(std::span<int64_t> data, bool batch) {
    sizes_ = {1, static_cast<int32_t>(data.size())};
    strides_[0] = static_cast<int32_t>(data.size());
    const size_t skipped = batch ? 0 : 1;
    impl_.emplace(ScalarType::Long, batch ? 2 : 1, sizes_.data() + skipped, data.data(),
                  order_.data(), strides_.data() + skipped);
  }
  EValue value() { return EValue(executorch::aten::Tensor(&*impl_)); }

 private:
  std::array<int32_t, 2> sizes_{};
  std::array<uint8_t, 2> order_{0, 1};
  std::array<int32_t, 2> strides_{1, 1};
  std::optional<executorch::aten::TensorImpl> impl_;
};

}  // namespace

ExecutorchSequence::ExecutorchSequence(std::shared_ptr<ExecutorchRunner> runner,
                                       kv::KvMemory memory)
    : runner_(std::move(runner)), memory_(std::move(memory)), tokens_(runner_->meta().chunk) {}

Result<std::unique_ptr<ExecutorchSequence>> ExecutorchSequence::create(
    std::shared_ptr<ExecutorchRunner> runner) {
  const std::vector<size_t>& sizes = runner->arena_sizes();
  const size_t kv_bytes = sizes.size() > kKv ? sizes[kKv] : 0;
  ETB_ASSIGN_OR_RETURN(kv::KvMemory memory,
                       kv::KvMemory::reserve(runner->kv_descriptor(), kv_bytes));
  std::unique_ptr<ExecutorchSequence> sequence(
      new ExecutorchSequence(std::move(runner), std::move(memory)));
  ETB_RETURN_IF_ERROR(sequence->lay_out_memory());
  ETB_ASSIGN_OR_RETURN(sequence->forward_, LoadedMethod::load(sequence->runner_->context(),
                                                              kForward, sequence->arenas_));
  return sequence;
}

Status ExecutorchSequence::lay_out_memory() {
  const std::vector<size_t>& sizes = runner_->arena_sizes();
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i == kActivations) {
      arenas_.push_back(runner_->activations());
    } else if (i == kKv) {
      arenas_.emplace_back(memory_.data(), memory_.size());
    } else {
      ETB_ASSIGN_OR_RETURN(AnonymousMemory memory, AnonymousMemory::reserve(sizes[i]));
      others_.push_back(std::move(memory));
      arenas_.push_back(others_.back().span());
    }
  }
  return {};
}

Result<LoadedMethod*> ExecutorchSequence::all_positions() {
  if (!runner_->meta().has_forward_all) {
    return Status(StatusCode::Unsupported,
                  concat(runner_->context().file, " has no method '", kForwardAll,
                         "' (logits of all positions): import the model from its GGUF file"));
  }
  if (forward_all_ == nullptr) {
    ETB_ASSIGN_OR_RETURN(forward_all_,
                         LoadedMethod::load(runner_->context(), kForwardAll, arenas_));
  }
  return forward_all_.get();
}

Status ExecutorchSequence::check_known(std::span<const TokenId> ids) const {
  const uint32_t vocab = runner_->meta().vocab_size;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < vocab) continue;
    return {StatusCode::InvalidArgument, concat("token ", ids[i], " (number ", i,
                                                ") is not in the ", vocab, "-token vocabulary")};
  }
  return {};
}

Status ExecutorchSequence::check(std::span<const TokenId> ids) const {
  const RunnerMeta& meta = runner_->meta();
  if (ids.empty()) return {StatusCode::InvalidArgument, "no tokens to run"};
  ETB_RETURN_IF_ERROR(check_known(ids));
  if (position() < memory_.rewind_floor()) {
    return {StatusCode::InvalidArgument,
            concat("position ", position(), " lacks rows of its window: append rows up to ",
                   memory_.rewind_floor(), " first, or rewind to 0")};
  }
  if (ids.size() <= meta.context - position()) return {};
  return {
      StatusCode::ContextFull,
      concat(ids.size(), " tokens from position ", position(), " do not fit a context of ",
             meta.context, ": shorten the prompt, drop old turns, or load with a larger context")};
}

Status ExecutorchSequence::set_inputs(LoadedMethod& method, size_t count) {
  LongTensor tokens({tokens_.data(), count}, true);
  LongTensor position({&input_pos_, 1}, false);
  LogCapture capture;
  Error error = method.method().set_input(tokens.value(), 0);
  if (error == Error::Ok) error = method.method().set_input(position.value(), 1);
  if (error == Error::Ok) return {};
  return runtime_status(RuntimeStep::Execute, error, method.doing(), capture);
}

Result<std::span<const float>> ExecutorchSequence::output(LoadedMethod& method, size_t rows) {
  const EValue& value = method.method().get_output(0);
  const size_t wanted = rows * runner_->meta().vocab_size;
  if (!value.isTensor() || value.toTensor().scalar_type() != ScalarType::Float ||
      static_cast<size_t>(value.toTensor().numel()) != wanted ||
      value.toTensor().const_data_ptr() == nullptr) {
    return Status(StatusCode::Corrupt, concat(method.doing(), " did not give ", rows, " rows of ",
                                              runner_->meta().vocab_size, " logits"));
  }
  return std::span<const float>(value.toTensor().const_data_ptr<float>(), wanted);
}

Result<std::span<const float>> ExecutorchSequence::run(LoadedMethod& method,
                                                       std::span<const TokenId> ids,
                                                       const CancelToken* cancel, size_t rows) {
  const Status cancelled(StatusCode::Cancelled, concat("cancelled at position ", position()));
  if (cancel != nullptr && cancel->cancelled()) return cancelled;
  std::copy(ids.begin(), ids.end(), tokens_.begin());
  input_pos_ = position();
  const size_t needed = ids_.size() + ids.size();
  // Now, so that nothing can fail once the chunk has run.
  if (needed > ids_.capacity()) ids_.reserve(std::max(needed, 2 * ids_.capacity()));
  memory_.expect(static_cast<uint32_t>(needed));
  ETB_RETURN_IF_ERROR(set_inputs(method, ids.size()));
  kernels::Execution execution = runner_->execution();
  execution.cancel = cancel;
  const kernels::ExecutionScope scope(execution);
  LogCapture capture;
  const Error error = method.method().execute();
  // Even if all went well: the last operator may have left out part of its work.
  if (cancel != nullptr && cancel->cancelled()) return cancelled;
  if (error != Error::Ok) {
    return runtime_status(RuntimeStep::Execute, error, method.doing(), capture);
  }
  ETB_ASSIGN_OR_RETURN(const std::span<const float> logits, output(method, rows));
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  memory_.advance(position());
  return logits;
}

Result<std::span<const float>> ExecutorchSequence::forward(std::span<const TokenId> ids,
                                                           const CancelToken* cancel) {
  ETB_RETURN_IF_ERROR(check(ids));
  std::span<const float> logits;
  for (size_t done = 0; done < ids.size();) {
    const size_t count = std::min(tokens_.size(), ids.size() - done);
    ETB_ASSIGN_OR_RETURN(logits, run(*forward_, ids.subspan(done, count), cancel, 1));
    done += count;
  }
  return logits;
}

Status ExecutorchSequence::forward_all(std::span<const TokenId> ids, const CancelToken* cancel,
                                       const LogitsVisitor& visit) {
  ETB_RETURN_IF_ERROR(check(ids));
  ETB_ASSIGN_OR_RETURN(LoadedMethod * method, all_positions());
  const size_t vocab = runner_->meta().vocab_size;
  for (size_t done = 0; done < ids.size();) {
    const size_t count = std::min(tokens_.size(), ids.size() - done);
    ETB_ASSIGN_OR_RETURN(const auto logits, run(*method, ids.subspan(done, count), cancel, count));
    for (size_t i = 0; i < count; ++i) {
      ETB_RETURN_IF_ERROR(visit(done + i, logits.subspan(i * vocab, vocab)));
    }
    done += count;
  }
  return {};
}

Status ExecutorchSequence::rewind(uint32_t position) {
  if (position == 0) {
    ids_.clear();
    return memory_.clear();
  }
  if (position > ids_.size() || position < memory_.rewind_floor()) {
    return {StatusCode::InvalidArgument,
            concat("cannot rewind to position ", position, ": possible are 0 and ",
                   memory_.rewind_floor(), " to ", ids_.size())};
  }
  ids_.resize(position);
  memory_.rewind(position);
  return {};
}

Status ExecutorchSequence::check_reachable() const {
  if (runner_->meta().model_key != 0) return {};
  return {
      StatusCode::Unsupported,
      concat(runner_->context().file,
             " keeps its KV cache in a form of its own, which cannot be copied: import the model"
             " from its GGUF file")};
}

Result<kv::Rows> ExecutorchSequence::copy_rows(uint32_t from, uint32_t to) const {
  ETB_RETURN_IF_ERROR(check_reachable());
  if (from > to || to > position()) {
    return Status(StatusCode::InvalidArgument,
                  concat("rows ", from, " to ", to, " of a sequence at position ", position()));
  }
  ETB_ASSIGN_OR_RETURN(kv::Rows rows, memory_.copy_out(from, to));
  rows.model_key = runner_->meta().model_key;
  rows.ids.assign(ids_.begin() + from, ids_.begin() + to);
  return rows;
}

Status ExecutorchSequence::append_rows(const kv::RowsView& rows) {
  ETB_RETURN_IF_ERROR(check_reachable());
  ETB_RETURN_IF_ERROR(kv::check_rows(rows, runner_->meta().model_tag()));
  ETB_RETURN_IF_ERROR(check_known(rows.ids));
  ETB_RETURN_IF_ERROR(check_place(rows, position(), capacity()));
  ids_.insert(ids_.end(), rows.ids.begin(), rows.ids.end());
  const Status copied = memory_.copy_in(rows);
  if (!copied.ok()) ids_.resize(rows.from);
  return copied;
}

Status ExecutorchSequence::append_from(const Sequence& other, uint32_t to) {
  ETB_RETURN_IF_ERROR(check_reachable());
  const auto* source = dynamic_cast<const ExecutorchSequence*>(&other);
  if (source == nullptr || source == this || source->runner_ != runner_) {
    return {StatusCode::InvalidArgument,
            "rows can only be taken from another sequence of the same"
            " loaded model"};
  }
  ETB_RETURN_IF_ERROR(check_common(*this, other, to));
  const uint32_t from = position();
  ids_.insert(ids_.end(), source->ids_.begin() + from, source->ids_.begin() + to);
  const Status copied = memory_.copy_rows(source->memory_, from, to);
  if (!copied.ok()) ids_.resize(from);
  return copied;
}

KvUsage ExecutorchSequence::kv_usage() const {
  KvUsage usage;
  if (memory_.descriptor().layers().empty()) {
    // A stock file's cache is opaque: its rows are taken to be equal shares of it.
    usage.used_bytes = memory_.size() / runner_->meta().context * position();
  } else {
    usage.used_bytes = memory_.bytes_in_use(position());
  }
  auto committed = memory_.committed_bytes();
  usage.committed_bytes = committed.ok() ? committed.value() : memory_.size();
  return usage;
}

}  // namespace etb::runner
