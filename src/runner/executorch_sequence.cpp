#include "runner/executorch_sequence.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/core/exec_aten/exec_aten.h>

#include "base/text.h"
#include "kernels/execution.h"
#include "kernels/llama/elements.h"
#include "runner/append_checks.h"
#include "runner/input_tensor.h"
#include "runner/program_meta.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

using executorch::aten::ScalarType;
using executorch::runtime::Error;
using executorch::runtime::EValue;

constexpr size_t kActivations = 0;  // index of memory id 1

}  // namespace

ExecutorchSequence::ExecutorchSequence(std::shared_ptr<ExecutorchRunner> runner,
                                       kv::KvMemory memory)
    : runner_(std::move(runner)),
      memory_(std::move(memory)),
      tokens_(runner_->meta().chunk),
      positions_(runner_->meta().chunk) {}

Result<std::unique_ptr<ExecutorchSequence>> ExecutorchSequence::create(
    std::shared_ptr<ExecutorchRunner> runner) {
  const std::vector<size_t>& sizes = runner->arena_sizes();
  const size_t kv_bytes = runner->kv_arena() < sizes.size() ? sizes[runner->kv_arena()] : 0;
  ETB_ASSIGN_OR_RETURN(kv::KvMemory memory,
                       kv::KvMemory::reserve(runner->kv_descriptor(), kv_bytes));
  std::unique_ptr<ExecutorchSequence> sequence(
      new ExecutorchSequence(std::move(runner), std::move(memory)));
  ETB_RETURN_IF_ERROR(sequence->lay_out_memory());
  const TextMethods& text = sequence->runner_->methods();
  ETB_RETURN_IF_ERROR(sequence->open(text.many, sequence->many_));
  if (text.single) ETB_RETURN_IF_ERROR(sequence->open(*text.single, sequence->single_));
  return sequence;
}

Status ExecutorchSequence::lay_out_memory() {
  const std::vector<size_t>& sizes = runner_->arena_sizes();
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i == kActivations && runner_->shares_activations()) {
      arenas_.push_back(runner_->activations());
    } else if (i == runner_->kv_arena()) {
      arenas_.emplace_back(memory_.data(), memory_.size());
    } else {
      ETB_ASSIGN_OR_RETURN(AnonymousMemory memory, AnonymousMemory::reserve(sizes[i]));
      others_.push_back(std::move(memory));
      arenas_.push_back(others_.back().span());
    }
  }
  return {};
}

Status ExecutorchSequence::open(const MethodContract& contract, OpenMethod& out) {
  if (out.loaded != nullptr) return {};
  out.contract = &contract;
  ETB_ASSIGN_OR_RETURN(out.loaded, LoadedMethod::load(runner_->context(), contract.name, arenas_));
  return {};
}

Result<ExecutorchSequence::OpenMethod*> ExecutorchSequence::all_positions() {
  const TextMethods& text = runner_->methods();
  if (text.many.all_rows) return &many_;
  if (!text.all_rows) {
    return Status(StatusCode::Unsupported,
                  concat(runner_->context().file, " has no method '", kForwardAll,
                         "' (logits of all positions): import the model from its GGUF file"));
  }
  ETB_RETURN_IF_ERROR(open(*text.all_rows, all_rows_));
  return &all_rows_;
}

Status ExecutorchSequence::check_room(std::span<const TokenId> ids) const {
  const RunnerMeta& meta = runner_->meta();
  if (ids.empty()) return {StatusCode::InvalidArgument, "no tokens to run"};
  if (!lost_.ok()) return lost_;
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

Status ExecutorchSequence::check_rows(std::span<const TokenId> ids,
                                      std::span<const uint8_t> rows) const {
  const EmbeddingMethods* const embeddings = runner_->embeddings();
  if (embeddings == nullptr) {
    return {StatusCode::Unsupported,
            concat(runner_->context().file, " takes tokens alone: it is no multimodal model")};
  }
  if (rows.size() != ids.size() * embeddings->row_bytes()) {
    return {StatusCode::InvalidArgument,
            concat(ids.size(), " positions of ", embeddings->row_bytes(),
                   " bytes each do not make ", rows.size())};
  }
  const auto token = std::ranges::find_if_not(ids, is_media_id);
  if (token == ids.end()) return {};
  return {StatusCode::InvalidArgument,
          concat("id ", *token, " is a token's, not of an image or sound")};
}

Status ExecutorchSequence::set_inputs(const OpenMethod& method, std::span<const uint8_t> rows,
                                      size_t count) {
  const MethodContract& contract = *method.contract;
  const size_t positions = contract.each_position ? count : 1;
  narrow_if_int(contract.token_type, std::span(tokens_).first(count));
  narrow_if_int(contract.position_type, std::span(positions_).first(positions));
  const std::array<int32_t, 3> shape = {1, static_cast<int32_t>(count),
                                        static_cast<int32_t>(contract.width)};
  // The runtime reads it only, though its tensors are never const.
  void* const embeddings = const_cast<uint8_t*>(rows.data());
  InputTensor first(contract.embeddings ? contract.embedding_type : contract.token_type,
                    contract.embeddings ? embeddings : tokens_.data(),
                    std::span(shape).first(contract.embeddings ? 3 : 2));
  const std::array<int32_t, 1> length = {static_cast<int32_t>(positions)};
  InputTensor position(contract.position_type, positions_.data(), length);
  LogCapture capture;
  Error error = method.loaded->method().set_input(first.value(), 0);
  if (error == Error::Ok) error = method.loaded->method().set_input(position.value(), 1);
  if (error == Error::Ok) return {};
  return runtime_status(RuntimeStep::Execute, error, method.loaded->doing(), capture);
}

Result<std::span<const float>> ExecutorchSequence::output(const OpenMethod& method, size_t rows) {
  const EValue& value = method.loaded->method().get_output(0);
  const size_t wanted = rows * runner_->meta().vocab_size;
  if (!value.isTensor() || value.toTensor().scalar_type() != method.contract->logits_type ||
      static_cast<size_t>(value.toTensor().numel()) != wanted ||
      value.toTensor().const_data_ptr() == nullptr) {
    return Status(StatusCode::Corrupt, concat(method.loaded->doing(), " did not give ", rows,
                                              " rows of ", runner_->meta().vocab_size, " logits"));
  }
  const void* const data = value.toTensor().const_data_ptr();
  if (method.contract->logits_type == ScalarType::Float) {
    return std::span<const float>(static_cast<const float*>(data), wanted);
  }
  logits_.resize(std::max(logits_.size(), wanted));
  const bool half = method.contract->logits_type == ScalarType::Half;
  kernels::read_floats(half ? kernels::Element::F16 : kernels::Element::BF16, data, wanted,
                       logits_.data());
  return std::span<const float>(logits_.data(), wanted);
}

Result<std::span<const float>> ExecutorchSequence::run(const OpenMethod& method, const Chunk& chunk,
                                                       const CancelToken* cancel) {
  const std::span<const TokenId> ids = chunk.ids;
  const Status cancelled(StatusCode::Cancelled, concat("cancelled at position ", position()));
  if (cancel != nullptr && cancel->cancelled()) return cancelled;
  kernels::Execution execution = runner_->execution();
  execution.cancel = cancel;
  std::span<const uint8_t> rows = chunk.rows;
  if (method.contract->embeddings && rows.empty()) {
    ETB_ASSIGN_OR_RETURN(rows, runner_->embeddings()->of_tokens(ids, execution));
  }
  std::copy(ids.begin(), ids.end(), tokens_.begin());
  std::iota(positions_.begin(), positions_.begin() + static_cast<ptrdiff_t>(ids.size()),
            int64_t{position()});
  const size_t needed = ids_.size() + ids.size();
  // Now, so that nothing can fail once the chunk has run.
  if (needed > ids_.capacity()) ids_.reserve(std::max(needed, 2 * ids_.capacity()));
  memory_.expect(static_cast<uint32_t>(needed));
  ETB_RETURN_IF_ERROR(set_inputs(method, rows, ids.size()));
  const kernels::ExecutionScope scope(execution);
  LogCapture capture;
  has_run_ = true;
  const Error error = method.loaded->method().execute();
  // Even if all went well: the last operator may have left out part of its work.
  const bool was_cancelled = cancel != nullptr && cancel->cancelled();
  if (was_cancelled || error != Error::Ok) {
    const Status failed = was_cancelled ? cancelled
                                        : runtime_status(RuntimeStep::Execute, error,
                                                         method.loaded->doing(), capture);
    // Rows of known form are overwritten by the next run; of another state half is new now.
    if (runner_->is_opaque()) static_cast<void>(rewind(0));
    return failed;
  }
  ETB_ASSIGN_OR_RETURN(const std::span<const float> logits,
                       output(method, method.contract->all_rows ? ids.size() : 1));
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  memory_.advance(position());
  return logits;
}

Result<std::span<const float>> ExecutorchSequence::feed(const Chunk& all,
                                                        const CancelToken* cancel) {
  const size_t row = all.rows.size() / all.ids.size();
  std::span<const float> logits;
  for (size_t done = 0; done < all.ids.size();) {
    const size_t count = std::min(tokens_.size(), all.ids.size() - done);
    const OpenMethod& method = count == 1 && single_.loaded != nullptr ? single_ : many_;
    const Chunk chunk{all.ids.subspan(done, count), all.rows.subspan(done * row, count * row)};
    ETB_ASSIGN_OR_RETURN(logits, run(method, chunk, cancel));
    done += count;
  }
  return logits.last(runner_->meta().vocab_size);
}

Result<std::span<const float>> ExecutorchSequence::forward(std::span<const TokenId> ids,
                                                           const CancelToken* cancel) {
  ETB_RETURN_IF_ERROR(check_ids(ids, runner_->meta().vocab_size));
  ETB_RETURN_IF_ERROR(check_room(ids));
  return feed({ids, {}}, cancel);
}

Result<std::span<const float>> ExecutorchSequence::forward_embeddings(std::span<const TokenId> ids,
                                                                      std::span<const uint8_t> rows,
                                                                      const CancelToken* cancel) {
  ETB_RETURN_IF_ERROR(check_rows(ids, rows));
  ETB_RETURN_IF_ERROR(check_room(ids));
  return feed({ids, rows}, cancel);
}

Status ExecutorchSequence::forward_all(std::span<const TokenId> ids, const CancelToken* cancel,
                                       const LogitsVisitor& visit) {
  ETB_RETURN_IF_ERROR(check_ids(ids, runner_->meta().vocab_size));
  ETB_RETURN_IF_ERROR(check_room(ids));
  ETB_ASSIGN_OR_RETURN(const OpenMethod* method, all_positions());
  const size_t vocab = runner_->meta().vocab_size;
  for (size_t done = 0; done < ids.size();) {
    const size_t count = std::min(tokens_.size(), ids.size() - done);
    ETB_ASSIGN_OR_RETURN(const auto logits, run(*method, {ids.subspan(done, count), {}}, cancel));
    for (size_t i = 0; i < count; ++i) {
      ETB_RETURN_IF_ERROR(visit(done + i, logits.subspan(i * vocab, vocab)));
    }
    done += count;
  }
  return {};
}

uint32_t ExecutorchSequence::rewind_floor() const {
  return runner_->is_opaque() ? position() : memory_.rewind_floor();
}

Status ExecutorchSequence::rewind(uint32_t position) {
  if (position == 0) {
    ids_.clear();
    return forget();
  }
  if (position > ids_.size() || position < rewind_floor()) {
    return {StatusCode::InvalidArgument,
            concat("cannot rewind to position ", position, ": possible are 0 and ", rewind_floor(),
                   " to ", ids_.size())};
  }
  ids_.resize(position);
  memory_.rewind(position);
  return {};
}

Status ExecutorchSequence::forget() {
  if (!runner_->is_opaque()) return memory_.clear();
  if (!has_run_) return {};
  lost_ = load_anew();
  has_run_ = !lost_.ok();
  return lost_;
}

Status ExecutorchSequence::load_anew() {
  ETB_RETURN_IF_ERROR(memory_.clear());
  for (AnonymousMemory& memory : others_) {
    ETB_RETURN_IF_ERROR(memory.discard(0, memory.size()));
  }
  // Loading a method writes its initial values and makes its delegates anew.
  for (OpenMethod* const method : {&many_, &single_, &all_rows_}) {
    if (method->contract == nullptr) continue;
    method->loaded.reset();
    ETB_RETURN_IF_ERROR(open(*method->contract, *method));
  }
  return {};
}

Status ExecutorchSequence::check_reachable() const {
  if (runner_->meta().model_key != 0) return {};
  return {
      StatusCode::Unsupported,
      concat(runner_->context().file,
             " keeps a state of a form of its own, which cannot be copied: import the model from"
             " its GGUF file")};
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
  ETB_RETURN_IF_ERROR(
      check_ids(rows.ids, runner_->meta().vocab_size, !runner_->meta().media.none()));
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
  if (runner_->is_opaque()) {
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
