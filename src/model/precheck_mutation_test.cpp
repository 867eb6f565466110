// The proof of the pre-check: the real runtime is driven with thousands of damaged programs, but
// only with those that pass. It must never crash, abort or hang; every other outcome is fine.
#include <executorch/runtime/core/data_loader.h>
#include <executorch/runtime/core/hierarchical_allocator.h>
#include <executorch/runtime/core/memory_allocator.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/kernel/operator_registry.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "model/precheck.h"
#include "model/pte_file.h"
#include "model/test_program.h"
#include "platform/mapped_file.h"
#include "platform/test_folder.h"

namespace etb::model {
namespace {

namespace et = ::executorch::runtime;
using ::executorch::aten::SizesType;
using ::executorch::aten::Tensor;
using ::executorch::aten::TensorImpl;

// Results of reads go here, so that they are not optimised away.
volatile unsigned g_sink = 0;

void start_runtime() {
  static const bool started = [] {
    et::register_pal(et::PalImpl::create([](auto...) {}, __FILE__));  // no log
    et::runtime_init();
    return true;
  }();
  ASSERT_TRUE(started);
}

// As the runner serves a file: the program from memory, all behind it from a read-only mapping, so
// that a write to a constant is a crash.
class SplitLoader final : public et::DataLoader {
 public:
  SplitLoader(Bytes program, Bytes mapped) : program_(program), mapped_(mapped) {}
  et::Result<et::FreeableBuffer> load(size_t offset, size_t size,
                                      const SegmentInfo& info) const override {
    const bool program = info.segment_type == SegmentInfo::Type::Program;
    const Bytes bytes = program ? program_ : mapped_;
    if (offset > bytes.size() || size > bytes.size() - offset) {
      return et::Error::InvalidArgument;
    }
    return et::FreeableBuffer(bytes.data() + offset, size, nullptr);
  }
  et::Error load_into(size_t offset, size_t size, const SegmentInfo& info,
                      void* to) const override {
    const et::Result<et::FreeableBuffer> bytes = load(offset, size, info);
    if (!bytes.ok()) return bytes.error();
    std::memcpy(to, bytes->data(), size);
    return et::Error::Ok;
  }
  et::Result<size_t> size() const override { return mapped_.size(); }

 private:
  Bytes program_;
  Bytes mapped_;
};

// The sample's file, mapped; a test damages a copy of its bytes.
class SampleFile {
 public:
  SampleFile()
      : bytes(testing::write_pte(testing::sample_program().program)),
        program_size(testing::program_size(bytes)),
        mapped(MappedFile::open(folder_.write("sample.pte", bytes)).value()) {}

 private:
  TestFolder folder_;

 public:
  const std::vector<uint8_t> bytes;
  const size_t program_size;
  const std::shared_ptr<const MappedFile> mapped;
};

void read_all(const Tensor& tensor) {
  const auto* data = static_cast<const uint8_t*>(tensor.const_data_ptr());
  if (data == nullptr && tensor.nbytes() > 0) {
    ADD_FAILURE() << "a tensor without memory reached a kernel";
    return;
  }
  unsigned sum = 0;
  for (size_t i = 0; i < tensor.nbytes(); ++i) sum += data[i];
  g_sink = g_sink + sum;
}

// They trust the signatures, as kernels generated for the stock operators do.
void mix(et::KernelRuntimeContext&, et::Span<et::EValue*> stack) {
  read_all(stack[0]->toTensor());
  read_all(stack[1]->toTensor());
  g_sink = g_sink + static_cast<unsigned>(stack[3]->toInt()) + (stack[4]->toDouble() > 0 ? 1U : 0U);
  for (int i : {2, 5}) {
    Tensor tensor = stack[static_cast<size_t>(i)]->toTensor();
    std::memset(tensor.mutable_data_ptr(), 1, tensor.nbytes());
  }
}

void sum(et::KernelRuntimeContext&, et::Span<et::EValue*> stack) {
  if (stack[0]->isTensorList()) {
    for (const Tensor& tensor : stack[0]->toTensorList()) read_all(tensor);
  }
  if (stack[1]->isListOptionalTensor()) {
    for (const auto& tensor : stack[1]->toListOptionalTensor()) {
      if (tensor.has_value()) read_all(*tensor);
    }
  }
  for (int64_t number : stack[2]->toIntList()) g_sink = g_sink + static_cast<unsigned>(number);
  g_sink = g_sink + static_cast<unsigned>(stack[5]->toString().size());
  Tensor out = stack[7]->toTensor();
  std::memset(out.mutable_data_ptr(), 2, out.nbytes());
}

const et::Kernel kKernels[] = {et::Kernel("test::mix.out", mix), et::Kernel("test::sum.out", sum)};

constexpr size_t kMostInputBytes = size_t{1} << 20;

// Memory for a tensor input that lives as long as the method.
struct Input {
  std::vector<SizesType> sizes;
  std::vector<uint8_t> order;
  std::vector<uint8_t> data;
  std::unique_ptr<TensorImpl> impl;
};

struct Outcome {
  bool loaded = false;
  bool ran = false;
};

// One method as the runner would use it: metadata, planned memory, inputs, two runs, outputs.
class MethodDrive {
 public:
  MethodDrive(const et::Program& program, const char* name) : program_(program), name_(name) {}

  Outcome run() {
    Outcome outcome;
    const et::Result<et::MethodMeta> meta = program_.method_meta(name_);
    if (!meta.ok()) return outcome;
    read_meta(*meta);
    plan(*meta);
    et::HierarchicalAllocator planned({spans_.data(), spans_.size()});
    std::vector<uint8_t> method_memory(size_t{1} << 18);
    std::vector<uint8_t> temp_memory(size_t{1} << 12);
    et::MemoryAllocator method_allocator(static_cast<uint32_t>(method_memory.size()),
                                         method_memory.data());
    et::MemoryAllocator temp_allocator(static_cast<uint32_t>(temp_memory.size()),
                                       temp_memory.data());
    et::MemoryManager manager(&method_allocator, &planned, &temp_allocator);
    et::Result<et::Method> method = program_.load_method(name_, &manager, nullptr, nullptr, nullptr,
                                                         {kKernels, std::size(kKernels)});
    if (!method.ok()) return outcome;
    outcome.loaded = true;
    if (!set_inputs(*method, *meta)) return outcome;
    for (int i = 0; i < 2; ++i) outcome.ran = method->execute() == et::Error::Ok;
    for (size_t i = 0; i < method->outputs_size(); ++i) read_output(method->get_output(i));
    if (method->get_attribute("kv.0").ok()) g_sink = g_sink + 1;
    return outcome;
  }

 private:
  static void read_meta(const et::MethodMeta& meta) {
    for (size_t i = 0; i < meta.num_inputs(); ++i) {
      if (meta.input_tag(i).ok()) (void)meta.input_tensor_meta(i).ok();
    }
    for (size_t i = 0; i < meta.num_outputs(); ++i) {
      if (meta.output_tag(i).ok()) (void)meta.output_tensor_meta(i).ok();
    }
    for (size_t i = 0; i < meta.num_attributes(); ++i) (void)meta.attribute_tensor_meta(i).ok();
    for (size_t i = 0; i < meta.num_backends(); ++i) (void)meta.get_backend_name(i).ok();
    (void)meta.uses_backend("XnnpackBackend");
  }

  void plan(const et::MethodMeta& meta) {
    for (size_t i = 0; i < meta.num_memory_planned_buffers(); ++i) {
      const et::Result<int64_t> size = meta.memory_planned_buffer_size(i);
      buffers_.emplace_back(size.ok() ? static_cast<size_t>(*size) : 0);
    }
    for (std::vector<uint8_t>& buffer : buffers_) spans_.push_back({buffer.data(), buffer.size()});
  }

  bool set_inputs(et::Method& method, const et::MethodMeta& meta) {
    for (size_t i = 0; i < meta.num_inputs(); ++i) {
      const et::Result<et::Tag> tag = meta.input_tag(i);
      if (!tag.ok()) return false;
      if (*tag == et::Tag::Tensor) {
        if (!set_tensor(method, meta, i)) return false;
      } else if (*tag == et::Tag::Int) {
        if (method.set_input(et::EValue(int64_t{1}), i) != et::Error::Ok) return false;
      } else {
        return false;  // a language model has no other inputs: the runner refuses them
      }
    }
    return true;
  }

  bool set_tensor(et::Method& method, const et::MethodMeta& meta, size_t index) {
    const et::Result<et::TensorInfo> info = meta.input_tensor_meta(index);
    if (!info.ok() || info->nbytes() > kMostInputBytes) return false;
    Input& input = inputs_.emplace_back();
    input.sizes.assign(info->sizes().begin(), info->sizes().end());
    input.order.assign(info->dim_order().begin(), info->dim_order().end());
    input.data.resize(info->nbytes());
    input.impl =
        std::make_unique<TensorImpl>(info->scalar_type(), static_cast<ssize_t>(input.sizes.size()),
                                     input.sizes.data(), input.data.data(), input.order.data());
    return method.set_input(et::EValue(Tensor(input.impl.get())), index) == et::Error::Ok;
  }

  static void read_output(const et::EValue& output) {
    if (output.isTensor() && output.toTensor().const_data_ptr() != nullptr) {
      read_all(output.toTensor());
    }
    if (output.isString()) g_sink = g_sink + static_cast<unsigned>(output.toString().size());
    if (output.isInt()) g_sink = g_sink + static_cast<unsigned>(output.toInt());
  }

  const et::Program& program_;
  const char* name_;
  std::vector<std::vector<uint8_t>> buffers_;
  std::vector<et::Span<uint8_t>> spans_;
  std::vector<Input> inputs_;
};

struct Tally {
  int passed = 0;
  int loaded_programs = 0;
  int loaded_methods = 0;
  int ran_methods = 0;
};

// The runtime wants its program 16-byte aligned; malloc'ed vectors are.
void drive(const std::vector<uint8_t>& file, const SampleFile& sample, Tally& tally) {
  const Result<PteHeader> header = parse_header(file, file.size());
  if (!header.ok()) return;
  PrecheckLimits limits;
  limits.total_bytes = file.size();
  limits.max_planned_bytes = size_t{1} << 20;
  limits.signatures = testing::kSampleSignatures;
  const Bytes program_bytes = Bytes(file).first(static_cast<size_t>(header->program_size));
  if (!precheck_program(program_bytes, limits).ok()) return;
  ++tally.passed;
  SplitLoader loader(file, sample.mapped->bytes());
  const et::Result<et::Program> program =
      et::Program::load(&loader, et::Program::Verification::InternalConsistency);
  if (!program.ok()) return;
  ++tally.loaded_programs;
  for (size_t i = 0; i < program->num_methods(); ++i) {
    const et::Result<const char*> name = program->get_method_name(i);
    if (!name.ok()) continue;
    const Outcome outcome = MethodDrive(*program, *name).run();
    tally.loaded_methods += outcome.loaded;
    tally.ran_methods += outcome.ran;
  }
}

TEST(PrecheckMutation, TheSampleItselfRuns) {
  start_runtime();
  const SampleFile sample;
  Tally tally;
  drive(sample.bytes, sample, tally);
  EXPECT_EQ(tally.passed, 1);
  EXPECT_EQ(tally.loaded_programs, 1);
  EXPECT_EQ(tally.loaded_methods, 6);  // `delegated` lacks its backend
  EXPECT_EQ(tally.ran_methods, 6);
}

TEST(PrecheckMutation, EveryByteOfTheProgramSetToTellingValues) {
  start_runtime();
  const SampleFile sample;
  const std::vector<uint8_t>& file = sample.bytes;
  const size_t size = sample.program_size;
  Tally tally;
  std::vector<uint8_t> damaged = file;
  for (size_t at = 0; at < size; ++at) {
    for (int value : {0x00, 0x01, 0x7f, 0x80, 0xff, file[at] ^ 1, file[at] + 1, file[at] - 1}) {
      damaged[at] = static_cast<uint8_t>(value);
      drive(damaged, sample, tally);
    }
    damaged[at] = file[at];
  }
  std::printf("%zu damaged programs: %d passed the pre-check, %d loaded, %d methods ran\n",
              size * 8, tally.passed, tally.loaded_programs, tally.ran_methods);
  EXPECT_GT(tally.passed, 1000);  // else the test would prove little
  EXPECT_GT(tally.ran_methods, 1000);
}

TEST(PrecheckMutation, RandomDamageInSeveralPlaces) {
  start_runtime();
  const SampleFile sample;
  const std::vector<uint8_t>& file = sample.bytes;
  const size_t size = sample.program_size;
  std::mt19937 random(20260824);
  Tally tally;
  constexpr int kRounds = 20000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint8_t> damaged = file;
    const auto hits = 1 + random() % 6;
    for (size_t i = 0; i < hits; ++i) {
      const size_t at = random() % size;
      const auto kind = random() % 3;
      if (kind == 0) damaged[at] = static_cast<uint8_t>(random());
      if (kind == 1) damaged[at] = static_cast<uint8_t>(damaged[at] ^ (1U << (random() % 8)));
      if (kind == 2) {  // a word copied from elsewhere: ids, offsets and sizes that mean something
        const size_t from = random() % (size - 4) / 4 * 4;
        std::copy_n(file.begin() + static_cast<long>(from), 4,
                    damaged.begin() + static_cast<long>(std::min(at / 4 * 4, size - 4)));
      }
    }
    drive(damaged, sample, tally);
  }
  std::printf("%d randomly damaged programs: %d passed the pre-check, %d loaded, %d methods ran\n",
              kRounds, tally.passed, tally.loaded_programs, tally.ran_methods);
  EXPECT_GT(tally.passed, 500);
}

TEST(PrecheckMutation, EveryTruncation) {
  start_runtime();
  const SampleFile sample;
  const std::vector<uint8_t>& file = sample.bytes;
  Tally tally;
  for (size_t size = 0; size < file.size(); ++size) {
    drive({file.begin(), file.begin() + static_cast<long>(size)}, sample, tally);
  }
  EXPECT_EQ(tally.passed, 0);
}

}  // namespace
}  // namespace etb::model
