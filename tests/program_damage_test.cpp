// Programs that are damaged or made to harm, through the whole chain: pre-check, the real runtime,
// our kernels, over weights in a read-only mapping. Each is refused with a typed error, or runs.
#include <gtest/gtest.h>

#include <random>

#include "import/pte_writer.h"
#include "platform/test_folder.h"
#include "runner_support/imported_model.h"
#include "support/random_gguf.h"

namespace etb::runner {
namespace {

using import::Allocation;
using import::ScalarType;
using import::TensorValue;
using testing::ImportedModel;

// The smallest model with every operator in its program.
test::RandomGgufSpec smallest_spec() {
  test::RandomGgufSpec spec;
  spec.layers = 1;
  spec.width = 32;
  spec.ffn = 32;
  spec.heads = 2;
  spec.kv_heads = 1;
  spec.head_dim = 16;
  spec.vocab = 300;
  spec.context = 64;
  return spec;
}

class ProgramDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = std::make_unique<ImportedModel>(
        folder_.write("small.gguf", test::random_gguf(smallest_spec())));
    ASSERT_EQ(model_->error(), "");
    file_ = model_->map();
    const auto pte = model::PteFile::from(file_);
    ASSERT_TRUE(pte.ok());
    program_.assign(pte->program().begin(), pte->program().end());
  }

  // Ok if it loaded and ran; a refusal's code must be one that a damaged file can earn.
  Status drive(const std::vector<uint8_t>& program) {
    const Status status = run(program);
    switch (status.code()) {
      case StatusCode::Ok:
      case StatusCode::Corrupt:
      case StatusCode::Unsupported:
      case StatusCode::InvalidArgument:
      case StatusCode::ContextFull:
      case StatusCode::OutOfMemory:
      case StatusCode::NotFound:  // of weights that it now says are in a .ptd
      case StatusCode::Internal:  // a kernel refused its arguments
        break;
      default:
        ADD_FAILURE() << status.to_string();
    }
    EXPECT_EQ(status.ok(), status.message().empty());
    return status;
  }

  TestFolder folder_;
  std::unique_ptr<ImportedModel> model_;
  std::shared_ptr<MappedFile> file_;
  std::vector<uint8_t> program_;

 private:
  Status run(const std::vector<uint8_t>& program) {
    ETB_ASSIGN_OR_RETURN(const auto runner, TextRunner::load({.file = file_, .program = program},
                                                             {.threads = 1, .kernel_path = ""}));
    ETB_ASSIGN_OR_RETURN(const auto sequence, runner->new_sequence());
    const TokenId ids[] = {1, 2, 3};
    ETB_RETURN_IF_ERROR(sequence->forward(ids, nullptr).status());
    if (!runner->meta().has_forward_all) return {};
    return sequence->forward_all(ids, nullptr, [](size_t, auto) { return Status(); });
  }
};

TEST_F(ProgramDamage, TheProgramItselfRuns) {
  const Status status = drive(program_);
  EXPECT_TRUE(status.ok()) << status.to_string();
}

TEST_F(ProgramDamage, OneByteChangedIsRefusedOrRuns) {
  std::mt19937 random(20261127);
  constexpr int kRounds = 10000;
  int refused = 0;
  int ran = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint8_t> damaged = program_;
    uint8_t& byte = damaged[random() % damaged.size()];
    const uint8_t telling[] = {0x00,
                               0x01,
                               0x7f,
                               0x80,
                               0xff,
                               static_cast<uint8_t>(byte + 1),
                               static_cast<uint8_t>(byte - 1),
                               static_cast<uint8_t>(byte ^ (1U << (random() % 8)))};
    byte = telling[random() % std::size(telling)];
    ++(drive(damaged).ok() ? ran : refused);
  }
  std::printf("%d programs with one byte changed: %d refused, %d ran\n", kRounds, refused, ran);
  EXPECT_GT(refused, kRounds / 10);
  EXPECT_GT(ran, kRounds / 10);
}

// ---- programs made to harm, written from scratch over the same file
// ------------------------------

// (tokens, input_pos) -> logits [1, 4], by no instruction at all, and how long the context is.
import::Program plain_program(){import::Method forward;
forward.name = "forward";
forward.values = {
    TensorValue{.type = ScalarType::Long, .sizes = {1, 8}, .dynamic = true},
    TensorValue{.type = ScalarType::Long, .sizes = {1}},
    TensorValue{.type = ScalarType::Float, .sizes = {1, 4}, .allocation = Allocation{1, 0}},
};
forward.inputs = {0, 1};
forward.outputs = {2};
forward.planned_bytes = {4096};
import::Method context;
context.name = "get_max_context_len";
context.values = {int64_t{64}};
context.outputs = {0};
return {.methods = {forward, context},
        .segments = {{0, 4096}},
        .constant_offsets = {0, 0},
        .named_data = {}};
}  // namespace

class HarmfulProgram : public ProgramDamage {
 protected:
  Status load(const import::Program& program) {
    const auto header = model::parse_header(program_, file_->bytes().size());
    auto bytes = import::write_program(program, {.segment_base = header->segment_base}).value();
    return TextRunner::load({.file = file_, .program = std::move(bytes)}, {}).status();
  }
};

TEST_F(HarmfulProgram, ThePlainOneLoads) {
  const Status status = load(plain_program());
  EXPECT_TRUE(status.ok()) << status.to_string();
}

// The head's weights in memory that the forward itself could write while it reads them.
TEST_F(HarmfulProgram, WeightsMustBeConstantsOfTheFile) {
  import::Program program = plain_program();
  import::Method& forward = program.methods[0];
  const auto planned = [&](ScalarType type, std::vector<int32_t> sizes) {
    forward.values.emplace_back(
        TensorValue{.type = type, .sizes = std::move(sizes), .allocation = Allocation{1, 0}});
    return static_cast<int32_t>(forward.values.size() - 1);
  };
  const int32_t x = planned(ScalarType::Float, {8, 32});
  const int32_t weights = planned(ScalarType::Byte, {1024});
  const int32_t scratch = planned(ScalarType::Byte, {2048});
  forward.values.emplace_back(
      TensorValue{.type = ScalarType::Float, .sizes = {32}, .constant = 1});  // the norm
  const auto norm = static_cast<int32_t>(forward.values.size() - 1);
  forward.values.emplace_back(int64_t{1});
  forward.values.emplace_back(1e-5);
  forward.values.emplace_back(0.0);  // no soft cap
  forward.operators = {{"etb::head", "out"}};
  forward.calls = {{0, {x, norm, weights, scratch, norm + 1, norm + 2, norm + 3, 2}}};
  const Status status = load(program);
  EXPECT_EQ(status.code(), StatusCode::Corrupt);
  EXPECT_NE(status.message().find("etb::head.out: its argument 2"), std::string_view::npos)
      << status.to_string();
  EXPECT_NE(status.message().find("a constant tensor of the file"), std::string_view::npos)
      << status.to_string();
}

// What a method without inputs and instructions holds is known without running it; another is
// never run to find out.
TEST_F(HarmfulProgram, MetadataIsHeldNotComputed) {
  import::Program with_input = plain_program();
  with_input.methods[1].inputs = {0};
  const Status input = load(with_input);
  EXPECT_EQ(input.code(), StatusCode::Corrupt) << input.to_string();
  EXPECT_NE(input.message().find("'get_max_context_len' is no plain list"), std::string_view::npos)
      << input.to_string();

  import::Program with_call = plain_program();
  import::Method& method = with_call.methods[1];
  method.values.emplace_back(TensorValue{.type = ScalarType::Float, .sizes = {4}, .constant = 1});
  method.operators = {{"etb::rope_table", "out"}};
  method.calls = {{0, {1, 1}}};
  const Status call = load(with_call);
  EXPECT_EQ(call.code(), StatusCode::Corrupt) << call.to_string();
}

}  // namespace etb::runner
}  // namespace etb::runner
