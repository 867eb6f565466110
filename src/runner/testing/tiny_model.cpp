#include "runner/testing/tiny_model.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include <executorch/runtime/core/exec_aten/exec_aten.h>
#include <executorch/runtime/core/exec_aten/util/tensor_util.h>
#include <executorch/runtime/kernel/kernel_runtime_context.h>

#include "kernels/execution.h"
#include "model/manifest.h"

namespace etb::runner::testing {
namespace {

using executorch::aten::ScalarType;
using executorch::runtime::Error;
using executorch::runtime::EValue;
using executorch::runtime::Kernel;
using executorch::runtime::KernelRuntimeContext;
using executorch::runtime::Span;

// Flags of the operator.
constexpr int64_t kLastOnly = 1;
constexpr int64_t kRows = 2;
constexpr int64_t kRecurrent = 4;
constexpr int kWindowShift = 3;

std::atomic<const uint8_t*> weights_seen{nullptr};
std::atomic<int64_t> failing_position{std::numeric_limits<int64_t>::max()};

// A rolling hash of the history, small enough to be exact in float.
uint32_t mix(uint32_t state, uint32_t token) {
  return (state * 31 + token + 7) % 65521;
}

// How the history lies in the KV memory: bare ids, or rows as the kernels have them.
class TinyCache {
 public:
  static constexpr uint32_t kHeads = 2;
  static constexpr uint32_t kHeadDim = 16;
  static constexpr size_t kRowBytes = size_t{2} * kHeads * kHeadDim * 2;

  TinyCache(uint8_t* start, size_t bytes, bool rows)
      : start_(start), context_(bytes / (rows ? kRowBytes : sizeof(uint32_t))), rows_(rows) {}

  size_t context() const { return context_; }

  void write(size_t position, uint32_t token) {
    if (!rows_) {
      std::memcpy(start_ + position * sizeof(token), &token, sizeof(token));
      return;
    }
    for (size_t i = 0; i < kRowBytes / 2; ++i) {
      const uint16_t mark = element(token, i);
      std::memcpy(start_ + place(position, i), &mark, sizeof(mark));
    }
  }

  // A row that is not as it was written reads as no token's.
  uint32_t read(size_t position) const {
    if (!rows_) {
      uint32_t token = 0;
      std::memcpy(&token, start_ + position * sizeof(token), sizeof(token));
      return token;
    }
    const uint32_t token = at(position, 0);
    for (size_t i = 1; i < kRowBytes / 2; ++i) {
      if (at(position, i) != element(token, i)) return 60000;
    }
    return token;
  }

 private:
  static uint16_t element(uint32_t token, size_t i) {
    return static_cast<uint16_t>(token + i * 97);
  }

  uint16_t at(size_t position, size_t i) const {
    uint16_t mark = 0;
    std::memcpy(&mark, start_ + place(position, i), sizeof(mark));
    return mark;
  }

  // Bytes from the start to element `i` of a row: first its keys by head, then its values.
  size_t place(size_t position, size_t i) const {
    const size_t head = i / kHeadDim % kHeads;
    const size_t dim = i % kHeadDim;
    const size_t of_head = head * context_ * kHeadDim;
    if (i < kHeads * kHeadDim) {
      return 2 * (of_head + position / 16 * 16 * kHeadDim + dim * 16 + position % 16);
    }
    return 2 * (kHeads * context_ * kHeadDim + of_head + position * kHeadDim + dim);
  }

  uint8_t* start_;
  size_t context_;
  bool rows_;
};

// All that a recurrent model keeps; of memory that nothing was written to, that of no history.
class TinyState {
 public:
  explicit TinyState(uint8_t* place) : place_(place) {}

  uint32_t after(uint32_t token) {
    uint32_t kept = 0;
    std::memcpy(&kept, place_, sizeof kept);
    const uint32_t state = mix(kept + 1, token);
    kept = state - 1;
    std::memcpy(place_, &kept, sizeof kept);
    return state;
  }

 private:
  uint8_t* place_;
};

float logit(uint32_t state, uint32_t entry) {
  return static_cast<float>((state * (entry + 1)) % 1009) / 16.0F;
}

bool is_tensor(const EValue& value, ScalarType type, int rank, size_t least_elements) {
  if (!value.isTensor()) return false;
  const auto& tensor = value.toTensor();
  return tensor.scalar_type() == type && tensor.dim() == rank &&
         static_cast<size_t>(tensor.numel()) >= least_elements &&
         tensor.const_data_ptr() != nullptr;
}

// Programs are damaged on purpose in some tests: types and shapes are checked as real kernels do.
bool well_formed(Span<EValue*> args) {
  if (args.size() < 6 || !args[4]->isInt()) return false;
  if (!is_tensor(*args[0], ScalarType::Long, 2, 1) ||
      !is_tensor(*args[1], ScalarType::Long, 1, 1) ||
      !is_tensor(*args[2], ScalarType::Byte, 1, 1) ||
      !is_tensor(*args[3], ScalarType::Byte, 1, 1)) {
    return false;
  }
  const int rank = (args[4]->toInt() & kLastOnly) != 0 ? 2 : 3;
  return is_tensor(*args[5], ScalarType::Float, rank, 1) && args[0]->toTensor().size(0) == 1 &&
         args[5]->toTensor().size(0) == 1 &&
         reinterpret_cast<uintptr_t>(args[3]->toTensor().const_data_ptr()) % 4 == 0 &&
         reinterpret_cast<uintptr_t>(args[5]->toTensor().const_data_ptr()) % 4 == 0;
}

// (tokens, input_pos, weights, kv, flags, out logits)
void tiny_forward(KernelRuntimeContext& ctx, Span<EValue*> args) {
  if (!well_formed(args)) return ctx.fail(Error::InvalidArgument);
  const auto& tokens = args[0]->toTensor();
  const int64_t position = args[1]->toTensor().const_data_ptr<int64_t>()[0];
  weights_seen = args[2]->toTensor().const_data_ptr<uint8_t>();
  const auto& kv = args[3]->toTensor();
  const int64_t flags = args[4]->toInt();
  const bool last_only = (flags & kLastOnly) != 0;
  const auto window = static_cast<size_t>(flags >> kWindowShift);
  auto out = args[5]->toTensor();
  const auto* cancel = kernels::current_execution().cancel;
  if (cancel != nullptr && cancel->cancelled()) return ctx.fail(Error::InvalidState);
  if (position == failing_position.load()) {
    failing_position = std::numeric_limits<int64_t>::max();
    return ctx.fail(Error::InvalidArgument);
  }
  TinyCache cache(kv.mutable_data_ptr<uint8_t>(), kv.nbytes(), (flags & kRows) != 0);
  const auto count = static_cast<size_t>(tokens.size(1));
  const auto start = static_cast<size_t>(position);
  if (position < 0 || position > (1 << 24) || start + count > cache.context())
    return ctx.fail(Error::InvalidArgument);
  const auto token = [&tokens](size_t i) {
    return static_cast<uint32_t>(tokens.const_data_ptr<int64_t>()[i]);
  };
  const bool recurrent = (flags & kRecurrent) != 0;
  TinyState kept(kv.mutable_data_ptr<uint8_t>());
  std::vector<uint32_t> states;  // after each token
  for (size_t i = 0; i < count; ++i) {
    if (recurrent) {
      states.push_back(kept.after(token(i)));
    } else {
      cache.write(start + i, token(i));
    }
  }
  const auto vocab = static_cast<size_t>(out.size(out.dim() - 1));
  if (!last_only) {
    const int32_t sizes[] = {1, static_cast<int32_t>(count), static_cast<int32_t>(vocab)};
    const Error error = executorch::runtime::resize_tensor(out, {sizes, 3});
    if (error != Error::Ok) return ctx.fail(error);
  }
  for (size_t p = last_only ? start + count - 1 : start; p < start + count; ++p) {
    uint32_t state = 1;
    const size_t first = window == 0 || p < window ? 0 : p - window + 1;
    for (size_t seen = first; seen <= p && !recurrent; ++seen) state = mix(state, cache.read(seen));
    if (recurrent) state = states[p - start];
    float* row = out.mutable_data_ptr<float>() + (last_only ? 0 : (p - start) * vocab);
    for (size_t v = 0; v < vocab; ++v) row[v] = logit(state, static_cast<uint32_t>(v));
  }
}

PteMethod forward_method(const TinyModel& m, bool all) {
  const auto chunk = static_cast<int32_t>(m.chunk);
  const auto vocab = static_cast<int32_t>(m.vocab);
  const auto kv_bytes =
      static_cast<int32_t>(m.context * (m.rows ? TinyCache::kRowBytes : sizeof(uint32_t)));
  PteMethod method;
  method.name = all ? "forward_all" : "forward";
  method.values = {
      PteTensor{Scalar::Long, {1, chunk}, true, 0, 0, 0, ""},
      PteTensor{Scalar::Long, {1}, false, 0, 0, 0, ""},
      PteTensor{Scalar::Byte, {64}, false, 1, 0, 0, ""},
      PteTensor{Scalar::Byte, {kv_bytes}, false, 0, 2, 0, "kv.0"},
      (all ? 0 : kLastOnly) | (m.rows ? kRows : 0) | (m.recurrent ? kRecurrent : 0) |
          int64_t{m.window} << kWindowShift,
      all ? PteTensor{Scalar::Float, {1, chunk, vocab}, true, 0, 1, 0, ""}
          : PteTensor{Scalar::Float, {1, vocab}, false, 0, 1, 0, ""},
  };
  method.inputs = {0, 1};
  method.outputs = {5};
  method.calls = {{"tiny::forward", "out", {0, 1, 2, 3, 4, 5}}};
  method.memory_sizes = {int64_t{all ? chunk : 1} * vocab * 4, kv_bytes};
  return method;
}

std::vector<uint8_t> manifest_of(const TinyModel& m) {
  model::Manifest manifest;
  manifest.family = "tiny";
  manifest.name = "Tiny";
  manifest.shape = {.layers = 1,
                    .width = 32,
                    .ffn = 32,
                    .heads = TinyCache::kHeads,
                    .kv_heads = TinyCache::kHeads,
                    .head_dim = TinyCache::kHeadDim,
                    .n_rot = 2,
                    .vocab = m.vocab,
                    .context_train = 1 << 16,
                    .rope_base = 10000,
                    .attention_scale = 1,
                    .windows = {m.window}};
  manifest.defaults = {m.context, m.chunk, model::KvType::F16};
  manifest.constant_bytes = 64;
  manifest.tensors.push_back({"weights", "vector", 1, 16, 0, 64, m.weights_checksum});
  const std::string text = model::serialize(manifest);
  return {text.begin(), text.end()};
}

}  // namespace

PteFileSpec tiny_spec(const TinyModel& model) {
  PteFileSpec spec;
  spec.methods.push_back(forward_method(model, false));
  if (model.forward_all) spec.methods.push_back(forward_method(model, true));
  spec.methods.push_back(constant_method("get_max_context_len", {model.context}));
  spec.methods.push_back(constant_method("get_max_seq_len", {model.chunk}));
  spec.methods.push_back(constant_method("get_vocab_size", {model.vocab}));
  spec.methods.push_back(constant_method("get_bos_id", {1}));
  spec.methods.push_back(constant_method("get_eos_ids", {9, 2, 9}));
  spec.constants = {std::vector<uint8_t>(64, 0xAB)};
  if (model.rows) spec.named.emplace_back(model::kManifestKey, manifest_of(model));
  if (model.ballast_bytes > 0) {
    spec.constants.emplace_back(model.ballast_bytes, uint8_t{1});
    spec.constants.emplace_back(model.ballast_bytes, uint8_t{2});
  }
  return spec;
}

std::vector<float> tiny_logits(const TinyModel& model, std::span<const TokenId> history) {
  if (model.window > 0 && history.size() > model.window) history = history.last(model.window);
  uint32_t state = 1;
  for (const TokenId id : history) state = mix(state, id);
  std::vector<float> logits;
  for (uint32_t v = 0; v < model.vocab; ++v) logits.push_back(logit(state, v));
  return logits;
}

OperatorSet tiny_operators() {
  static const Kernel kernels[] = {Kernel("tiny::forward.out", tiny_forward)};
  static constexpr model::OperatorSignature signatures[] = {{"tiny::forward.out", "TTTWIW"}};
  return {kernels, signatures};
}

Result<std::shared_ptr<ExecutorchRunner>> load_spec(const PteFileSpec& spec) {
  const TemporaryFile file(write_pte(spec));
  return ExecutorchRunner::load({.file = file.map()}, {}, tiny_operators());
}

std::shared_ptr<ExecutorchRunner> load_tiny(const TinyModel& model) {
  auto runner = load_spec(tiny_spec(model));
  EXPECT_TRUE(runner.ok()) << runner.status().to_string();
  return runner.value();
}

std::vector<TokenId> random_ids(size_t count, uint32_t vocab, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % vocab);
  return ids;
}

const uint8_t* last_weights_seen() {
  return weights_seen;
}

void fail_at(int64_t position) {
  failing_position = position;
}

TemporaryFile::TemporaryFile(std::span<const uint8_t> bytes) {
  std::random_device random;
  const auto name = "etb_runner_" + std::to_string(random()) + std::to_string(random()) + ".pte";
  path_ = (std::filesystem::temp_directory_path() / name).string();
  std::ofstream out(path_, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::shared_ptr<MappedFile> TemporaryFile::map() const {
  return MappedFile::open(path_).value();
}

}  // namespace etb::runner::testing
