// Each rule of the pre-check by itself: one thing made wrong, and the message that names it.
#include "model/precheck.h"

#include <gtest/gtest.h>

#include <functional>

#include "model/pte_header.h"
#include "model/test_program.h"

namespace etb::model {
namespace {

using namespace testing;  // NOLINT: the builders of test_program.h

Status check(const NodePtr& program, std::function<void(PrecheckLimits&)> change = {},
             WriteOptions options = {}) {
  const std::vector<uint8_t> file = write_pte(program, options);
  PrecheckLimits limits;
  limits.total_bytes = file.size();
  limits.signatures = kSampleSignatures;
  if (change) change(limits);
  return precheck_program(std::span(file).first(program_size(file)), limits);
}

struct Fault {
  const char* says;
  std::function<void(const Sample&)> make;
};

void expect_refused(const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) {
    const Sample sample = sample_program();
    fault.make(sample);
    const Status status = check(sample.program);
    EXPECT_TRUE(status.code() == StatusCode::Corrupt || status.code() == StatusCode::Unsupported)
        << fault.says << ": " << status.to_string();
    EXPECT_NE(status.message().find(fault.says), std::string_view::npos)
        << fault.says << " is not in: " << status.to_string();
  }
}

NodePtr content(const Sample& sample, SampleValue value) {
  return at(item(sample.values(), value), slot::kValue);
}

NodePtr call(const Sample& sample, size_t instruction) {
  return at(item(sample.instructions(), instruction), slot::kValue);
}

TEST(Precheck, TheSamplePasses) {
  const Status status = check(sample_program().program);
  EXPECT_TRUE(status.ok()) << status.to_string();
}

TEST(Precheck, OursWithALongerHeaderPassesToo) {
  EXPECT_TRUE(check(sample_program().program, {}, {.own_header = true}).ok());
}

TEST(Precheck, NamesTheMethod) {
  const Sample sample = sample_program();
  set(call(sample, 0), i32(slot::kCallee, 2));
  EXPECT_EQ(check(sample.program).message().substr(0, 17), "method 'forward':");
}

TEST(Precheck, CallsOnlyWhatExists) {
  expect_refused({
      {"operator that does not exist", [](auto& s) { set(call(s, 0), i32(slot::kCallee, 2)); }},
      {"operator that does not exist", [](auto& s) { set(call(s, 3), i32(slot::kCallee, -1)); }},
      {"has no name",
       [](auto& s) { unset(item(at(s.forward, slot::kOperators), 0), slot::kOperatorName); }},
      {"has no name",
       [](auto& s) { unset(item(at(s.forward, slot::kOperators), 1), slot::kOverload); }},
      {"has no name",
       [](auto& s) {
         set(item(at(s.forward, slot::kOperators), 0),
             text(slot::kOperatorName, std::string(96, 'n')));
       }},
      {"operator that does not exist", [](auto& s) { unset(s.forward, slot::kOperators); }},
      {"delegate that does not exist",
       [](auto& s) {
         const NodePtr plan = item(at(s.program, slot::kPlans), 1);
         set(plan, sub(slot::kDelegates, tables({})));
       }},
      {"unknown type", [](auto& s) { set(item(s.instructions(), 0), u8(slot::kType, 6)); }},
      {"without content", [](auto& s) { unset(item(s.instructions(), 0), slot::kValue); }},
      {"frees memory", [](auto& s) { set(item(s.instructions(), 2), u8(slot::kType, 5)); }},
  });
}

TEST(Precheck, ArgumentsExistAndHaveMemory) {
  expect_refused({
      {"value 17 of 17", [](auto& s) { set(call(s, 0), sub(slot::kArgs, ints({kSampleValues}))); }},
      {"value -1 of 17", [](auto& s) { set(call(s, 0), sub(slot::kArgs, ints({-1}))); }},
      {"lacks its arguments", [](auto& s) { unset(call(s, 0), slot::kArgs); }},
      {"has no memory", [](auto& s) { set(s.forward, sub(slot::kInputs, ints({kPosition}))); }},
      {"has no memory", [](auto& s) { unset(content(s, kHidden), slot::kAllocation); }},
  });
}

TEST(Precheck, ArgumentsFitTheSignature) {
  const auto args = [](std::vector<int32_t> ids) {
    return [ids](const Sample& s) { set(call(s, 0), sub(slot::kArgs, ints(ids))); };
  };
  expect_refused({
      {"takes 6 arguments and gets 5", args({kTokens, kWeights, kCache, kSeven, kEps})},
      {"takes 6 arguments and gets 7",
       args({kTokens, kWeights, kCache, kSeven, kEps, kHidden, kLogits})},
      {"argument 0 is of another kind than 'T'",
       args({kSeven, kWeights, kCache, kSeven, kEps, kHidden})},
      {"argument 3 is of another kind than 'I'",
       args({kTokens, kWeights, kCache, kEps, kEps, kHidden})},
      {"argument 4 is of another kind than 'D'",
       args({kTokens, kWeights, kCache, kSeven, kSeven, kHidden})},
      {"argument 5 is of another kind than 'W'",  // weights are mapped read-only
       args({kTokens, kWeights, kCache, kSeven, kEps, kWeights})},
      {"argument 5 is of another kind than 'W'",  // the caller's memory is his
       args({kTokens, kWeights, kCache, kSeven, kEps, kTokens})},
  });
  // The stock form: the result once more at the end.
  const Sample sample = sample_program();
  args({kTokens, kWeights, kCache, kSeven, kEps, kHidden, kHidden})(sample);
  EXPECT_TRUE(check(sample.program).ok());
}

TEST(Precheck, EveryLetterOfASignatureMeansItsType) {
  struct Case {
    char letter;
    SampleValue good;
    SampleValue bad;
    bool none_fits;
  };
  const Case cases[] = {
      {'T', kWeights, kSeven, false},  {'t', kWeights, kSeven, true},
      {'C', kWeights, kHidden, false}, {'C', kWeights, kTokens, false},
      {'c', kWeights, kHidden, true},  {'c', kWeights, kSeven, true},
      {'W', kHidden, kWeights, false}, {'I', kSeven, kEps, false},
      {'i', kSeven, kEps, true},       {'D', kEps, kSeven, false},
      {'d', kEps, kSeven, true},       {'B', kFlag, kSeven, false},
      {'b', kFlag, kSeven, true},      {'S', kWord, kSeven, false},
      {'s', kWord, kSeven, true},      {'L', kIntItems, kSeven, false},
      {'l', kIntItems, kSeven, true},
  };
  for (const Case& c : cases) {
    const std::string letters = std::string(1, c.letter);
    const OperatorSignature signature{"test::mix.out", letters};
    const auto passes = [&](SampleValue value) {
      const Sample sample = sample_program();
      set(call(sample, 0), sub(slot::kArgs, ints({value})));
      return check(sample.program, [&](PrecheckLimits& l) { l.signatures = {&signature, 1}; }).ok();
    };
    EXPECT_TRUE(passes(c.good)) << c.letter;
    EXPECT_FALSE(passes(c.bad)) << c.letter;
    EXPECT_EQ(passes(kNothing), c.none_fits) << c.letter;
  }
}

TEST(Precheck, InputsAndOutputsExist) {
  expect_refused({
      {"input 1 names value 17",
       [](auto& s) {
         set(s.forward, sub(slot::kInputs, ints({0, kSampleValues})));
       }},
      {"output 0 names value -1", [](auto& s) { set(s.forward, sub(slot::kOutputs, ints({-1}))); }},
      {"list of inputs", [](auto& s) { unset(s.forward, slot::kInputs); }},
      {"list of outputs", [](auto& s) { unset(s.forward, slot::kOutputs); }},
      {"a list of 4097 where at most 4096",
       [](auto& s) {
         set(s.forward, sub(slot::kInputs, ints(std::vector<int32_t>(4097, kTokens))));
       }},
      {"a list of 4097 where at most 4096",
       [](auto& s) {
         set(s.forward, sub(slot::kOutputs, ints(std::vector<int32_t>(4097, kLogits))));
       }},
  });
}

// The runtime copies an input into a constant tensor, and the file is mapped read-only.
TEST(Precheck, ConstantsAreNoInputs) {
  expect_refused({
      {"input 1 is value 2, a constant tensor",
       [](auto& s) {
         set(s.forward, sub(slot::kInputs, ints({kTokens, kWeights})));
       }},
      {"input 0 is value 2, a constant tensor",
       [](auto& s) {
         set(content(s, kWeights),
             sub(slot::kExtra, table({text(slot::kQualifiedName, "w"), u8(slot::kLocation, 1)})));
         set(s.forward, sub(slot::kInputs, ints({kWeights})));
       }},
  });
}

// Kernels of other libraries are not listed; the stock form still says what they write.
TEST(Precheck, NothingKnownToBeWrittenIsAConstant) {
  const auto passes = [](std::vector<int32_t> arguments, int32_t moved_from = -1) {
    const Sample sample = sample_program();
    set(call(sample, 0), sub(slot::kArgs, ints(std::move(arguments))));
    if (moved_from >= 0) {
      set(call(sample, 2), i32(slot::kFrom, moved_from));
      set(call(sample, 2), i32(slot::kTo, kHidden));
    }
    return check(sample.program, [](PrecheckLimits& limits) { limits.signatures = {}; }).ok();
  };
  EXPECT_TRUE(passes({kTokens, kHidden, kHidden}));
  EXPECT_TRUE(passes({kTokens, kWeights, kHidden}));
  EXPECT_TRUE(passes({kSeven, kSeven}));
  EXPECT_FALSE(passes({kTokens, kWeights, kWeights}));
  EXPECT_FALSE(passes({kTokens, kTensorItems, kTensorItems}));  // weights are one of the items
  EXPECT_TRUE(passes({kTokens, kMaybeItems, kMaybeItems}));
  EXPECT_FALSE(passes({kTokens, kHidden, kHidden}, kWeights));  // weights were moved there
}

// A view shows its base's memory, whatever it was planned to have: that of an input or constant.
TEST(Precheck, AViewIsAsItsBaseIs) {
  const auto view_of = [](const Sample& s, int32_t base, bool planned) {
    const uint32_t memory = planned ? 1 : 0;
    at(s.forward, slot::kOperators)
        ->items.push_back(table({text(slot::kOperatorName, "executorch_prim::et_view"),
                                 text(slot::kOverload, "default")}));
    s.values()->items.push_back(
        tensor({.dtype = 6, .sizes = {1, 8}, .memory_id = memory, .name = ""}));
    const auto view = static_cast<int32_t>(s.values()->items.size()) - 1;
    set(call(s, 3), i32(slot::kCallee, 2));
    set(call(s, 3), sub(slot::kArgs, ints({base, kIntItems, view, view})));
    return view;
  };
  const auto passes = [&](int32_t base, bool planned, bool written) {
    const Sample sample = sample_program();
    const int32_t view = view_of(sample, base, planned);
    set(call(sample, 0),
        sub(slot::kArgs, written ? ints({kTokens, view, view}) : ints({view, kHidden, kHidden})));
    return check(sample.program, [](PrecheckLimits& limits) { limits.signatures = {}; });
  };
  EXPECT_EQ(passes(kTokens, false, false).to_string(), Status().to_string()) << "an input";
  EXPECT_EQ(passes(kWeights, false, false).to_string(), Status().to_string());
  EXPECT_EQ(passes(kCache, true, true).to_string(), Status().to_string())
      << "planned memory may be written through a view";
  for (const bool planned : {false, true}) {
    EXPECT_EQ(passes(kWeights, planned, true).code(), StatusCode::Corrupt) << "a constant may not";
  }
  EXPECT_EQ(passes(kCache, false, false).to_string(), Status().to_string());
  const Sample sample = sample_program();
  const int32_t view = view_of(sample, kTokens, false);
  set(call(sample, 3), sub(slot::kArgs, ints({view, kIntItems, view, view})));
  set(call(sample, 0), sub(slot::kArgs, ints({view, kHidden, kHidden})));
  EXPECT_FALSE(check(sample.program).ok()) << "one of itself shows nothing";
}

TEST(Precheck, MethodsAreComplete) {
  expect_refused({
      {"lacks its name", [](auto& s) { unset(s.forward, slot::kPlanName); }},
      {"list of values", [](auto& s) { unset(s.forward, slot::kValues); }},
      {"or delegates", [](auto& s) { unset(s.forward, slot::kDelegates); }},
      {"no instructions", [](auto& s) { unset(s.forward, slot::kChains); }},
      {"lacks its list of instructions",
       [](auto& s) { unset(item(at(s.forward, slot::kChains), 0), slot::kInstructions); }},
      {"lacks its memory plan", [](auto& s) { unset(s.forward, slot::kBufferSizes); }},
      {"no methods", [](auto& s) { set(s.program, sub(slot::kPlans, tables({}))); }},
      {"schema version", [](auto& s) { set(s.program, i32(slot::kVersion, 1)); }},
  });
}

TEST(Precheck, TensorsAreWellFormed) {
  const auto tensor_fault = [](FieldValue field) {
    return [field](const Sample& s) { set(content(s, kHidden), field); };
  };
  expect_refused({
      {"value 3", tensor_fault(u8(slot::kScalarType, 8))},
      {"element type 99", tensor_fault(u8(slot::kScalarType, 99))},
      {"storage offset", tensor_fault(i32(slot::kStorageOffset, 1))},
      {"no upper bound", tensor_fault(u8(slot::kDynamism, 2))},
      {"negative or overflow", tensor_fault(sub(slot::kSizes, ints({1, -1})))},
      {"same length", tensor_fault(sub(slot::kSizes, ints({1})))},
      {"no permutation", tensor_fault(sub(slot::kDimOrder, bytes({0, 0})))},
      {"no permutation", tensor_fault(sub(slot::kDimOrder, bytes({0, 2})))},
      {"unknown location", tensor_fault(sub(slot::kExtra, table({u8(slot::kLocation, 2)})))},
      {"lacks its name", tensor_fault(sub(slot::kExtra, table({u8(slot::kLocation, 1)})))},
      {"same length", [](auto& s) { unset(content(s, kHidden), slot::kDimOrder); }},
      {"a list of 17 where at most 16",
       [](auto& s) {
         set(content(s, kHidden), sub(slot::kSizes, ints(std::vector<int32_t>(17, 1))));
         set(content(s, kHidden), sub(slot::kDimOrder, bytes(std::vector<uint8_t>(17, 0))));
       }},
      {"negative or overflow",
       [](auto& s) {
         constexpr int32_t kHuge = 0x7fffffff;
         set(content(s, kHidden), sub(slot::kSizes, ints({kHuge, kHuge, kHuge})));
         set(content(s, kHidden), sub(slot::kDimOrder, bytes({0, 1, 2})));
       }},
  });
}

TEST(Precheck, PlannedTensorsLieInsideThePlan) {
  const auto place = [](uint32_t id, uint32_t low, uint32_t high) {
    return [=](const Sample& s) {
      set(content(s, kHidden),
          sub(slot::kAllocation, table({i32(slot::kMemoryId, id), i32(slot::kOffsetLow, low),
                                        i32(slot::kOffsetHigh, high)})));
    };
  };
  expect_refused({
      {"memory id 0", place(0, 0, 0)},
      {"memory id 3", place(3, 0, 0)},
      {"32 bytes at 68 do not fit", place(1, 68, 0)},
      {"do not fit", place(1, 0, 1)},
      {"do not fit", place(1, 0xffffffff, 0xffffffff)},
      {"not aligned", place(1, 2, 0)},
  });
  const Sample sample = sample_program();
  place(1, 64, 0)(sample);  // to the last byte
  EXPECT_TRUE(check(sample.program).ok());
}

TEST(Precheck, ThePlanItselfIsBounded) {
  expect_refused({
      {"more than",
       [](auto& s) {
         set(s.forward, sub(slot::kBufferSizes, longs({0, -1, 256})));
       }},
      {"more than",
       [](auto& s) {
         set(s.forward, sub(slot::kBufferSizes, longs({0, int64_t{1} << 62, 256})));
       }},
      {"other than the CPU",
       [](auto& s) {
         set(s.forward,
             sub(slot::kBufferDevices,
                 tables({table({i32(slot::kDeviceBuffer, 1), u8(slot::kBufferDeviceType, 1)})})));
       }},
      {"a buffer that does not exist",
       [](auto& s) {
         set(s.forward, sub(slot::kBufferDevices, tables({table({i32(slot::kDeviceBuffer, 3)})})));
       }},
  });
  EXPECT_FALSE(check(sample_program().program, [](PrecheckLimits& limits) {
                 limits.max_planned_bytes = 96 + 256 - 1;
               }).ok());
  EXPECT_TRUE(check(sample_program().program, [](PrecheckLimits& limits) {
                limits.max_planned_bytes = 96 + 256;
              }).ok());
}

TEST(Precheck, ConstantsLieInsideTheirSegment) {
  const auto offsets = [](std::vector<int64_t> items) {
    return [items](const Sample& s) {
      set(at(s.program, slot::kConstants), sub(slot::kOffsets, longs(items)));
    };
  };
  expect_refused({
      {"64 bytes at 193 of buffer 1", offsets({0, 193, 128})},
      {"do not fit into a segment", offsets({0, -1, 128})},
      {"no buffer 1", offsets({0})},
      {"no buffer 1", [](auto& s) { unset(s.program, slot::kConstants); }},
      {"segment of constants does not exist",
       [](auto& s) { set(at(s.program, slot::kConstants), i32(slot::kSegmentIndex, 2)); }},
      {"ends beyond the file",
       [](auto& s) { set(item(at(s.program, slot::kSegments), 0), i64(slot::kSize, 321)); }},
  });
}

// Old files keep their constants inside the program.
TEST(Precheck, ConstantsInsideTheProgramAreMeasuredToo) {
  for (const size_t bytes_there : {size_t{63}, size_t{64}}) {
    const Sample sample = sample_program();
    unset(sample.program, slot::kConstants);
    const NodePtr empty = table({sub(slot::kScalar, bytes({}))});
    const NodePtr weights =
        table({sub(slot::kScalar, bytes(std::vector<uint8_t>(bytes_there, 1)))});
    set(sample.program, sub(slot::kConstantBuffers, tables({empty, weights})));
    EXPECT_EQ(check(sample.program).ok(), bytes_there == 64) << bytes_there;
  }
}

TEST(Precheck, InitialValuesLieInsideTheirSegment) {
  const auto with_values = [](std::vector<int64_t> offsets, int32_t segment) {
    const Sample sample = sample_program();
    set(content(sample, kHidden), i32(slot::kBufferIndex, 1));
    set(sample.program,
        sub(slot::kMutables, tables({table({i32(slot::kSegmentIndex, segment),
                                            sub(slot::kOffsets, longs(std::move(offsets)))})})));
    return check(sample.program);
  };
  EXPECT_TRUE(with_values({0, 32}, 1).ok());
  EXPECT_FALSE(with_values({0, 33}, 1).ok());
  EXPECT_FALSE(with_values({0}, 1).ok());
  EXPECT_FALSE(with_values({0, 32}, 2).ok());
  const Sample none = sample_program();
  set(content(none, kHidden), i32(slot::kBufferIndex, 1));
  EXPECT_NE(check(none.program).message().find("no initial values"), std::string_view::npos);
}

TEST(Precheck, ListsHoldWhatTheySay) {
  const auto items = [](SampleValue list, NodePtr ids) {
    return [list, ids](const Sample& s) { set(content(s, list), sub(slot::kScalar, ids)); };
  };
  expect_refused({
      {"value 8: its item 1 names no", items(kIntItems, longs({kSeven, kSampleValues}))},
      {"item 0 has another type", items(kIntItems, longs({kEps}))},
      {"item 0 has another type", items(kTensorItems, ints({kSeven}))},
      {"item 0 names no earlier value", items(kTensorItems, ints({-1}))},
      {"item 0 names no earlier value", items(kTensorItems, ints({kMaybeItems}))},
      {"item 0 names no earlier value", items(kMaybeItems, ints({-2}))},
      {"lacks its items", [](auto& s) { unset(content(s, kDoubleItems), slot::kScalar); }},
      {"lacks its items", [](auto& s) { unset(content(s, kBoolItems), slot::kScalar); }},
      {"lacks its text", [](auto& s) { unset(content(s, kWord), slot::kScalar); }},
      {"has no memory",
       [&](auto& s) {
         items(kTensorItems, ints({kPosition}))(s);
         set(s.forward, sub(slot::kInputs, ints({kTokens})));
       }},
  });
}

TEST(Precheck, ListsHoldWhatTheySayUnlessTheCallerGivesIt) {
  const Sample sample = sample_program();  // tokens are an input: they may stand in a list
  set(content(sample, kTensorItems), sub(slot::kScalar, ints({kTokens})));
  EXPECT_TRUE(check(sample.program).ok());
}

// 30,000 arguments that all name one list of 30,000 tensors: read once, not 900 million times.
TEST(Precheck, AListNamedOftenIsReadOnce) {
  constexpr size_t kMany = 30'000;
  const Sample sample = sample_program();
  set(content(sample, kTensorItems),
      sub(slot::kScalar, ints(std::vector<int32_t>(kMany, kHidden))));
  const NodePtr calls = at(item(at(sample.forward, slot::kChains), 0), slot::kInstructions);
  for (int i = 0; i < 20; ++i) {
    calls->items.push_back(kernel_call(0, std::vector<int32_t>(kMany, kTensorItems)));
  }
  const auto unlisted = [](PrecheckLimits& limits) { limits.signatures = {}; };
  EXPECT_TRUE(check(sample.program, unlisted).ok());  // else ctest's time limit ends it
}

TEST(Precheck, JumpsLeadForwardAndStayInside) {
  const auto jump = [](int32_t condition, int32_t destination) {
    return [=](const Sample& s) {
      set(call(s, 1), i32(slot::kCondition, condition));
      set(call(s, 1), i32(slot::kDestination, destination));
    };
  };
  expect_refused({
      {"jumps out of the program", jump(kFlag, 5)},
      {"jumps out of the program", jump(kFlag, -1)},
      {"jumps back", jump(kFlag, 0)},
      {"jumps back", jump(kFlag, 1)},
      {"no condition", jump(kSeven, 3)},
      {"value 99", jump(99, 3)},
  });
  const Sample sample = sample_program();
  jump(kFlag, 4)(sample);  // to the end
  EXPECT_TRUE(check(sample.program).ok());
  jump(kFlag, 0)(sample);
  EXPECT_TRUE(check(sample.program, [](PrecheckLimits& limits) {
                limits.allow_backward_jumps = true;
              }).ok());
}

TEST(Precheck, MovesKeepTypes) {
  const auto move = [](int32_t from, int32_t to) {
    return [=](const Sample& s) {
      set(call(s, 2), i32(slot::kFrom, from));
      set(call(s, 2), i32(slot::kTo, to));
    };
  };
  expect_refused({
      {"one of another type", move(kWeights, kSeven)},
      {"value 50", move(50, kSeven)},
      {"value 50", move(kSeven, 50)},
      {"over value 2, which is read-only", move(kHidden, kWeights)},
      {"over input value 0", move(kWeights, kTokens)},
      // Weights moved over a tensor that is written afterwards.
      {"kind than 'W'", move(kWeights, kLogits)},
  });
}

TEST(Precheck, DelegatesAreComplete) {
  const auto delegate = [](const Sample& s) {
    return item(at(item(at(s.program, slot::kPlans), 1), slot::kDelegates), 0);
  };
  expect_refused({
      {"lacks its name", [&](auto& s) { unset(delegate(s), slot::kBackend); }},
      {"data or options", [&](auto& s) { unset(delegate(s), slot::kProcessed); }},
      {"data or options", [&](auto& s) { unset(delegate(s), slot::kSpecs); }},
      {"data of delegate 0 does not exist",
       [&](auto& s) { set(at(delegate(s), slot::kProcessed), i32(slot::kDataIndex, 2)); }},
      {"data of delegate 0 does not exist",
       [&](auto& s) { set(at(delegate(s), slot::kProcessed), u8(slot::kDataLocation, 0)); }},
      {"data of delegate 0 does not exist",
       [&](auto& s) { set(at(delegate(s), slot::kProcessed), u8(slot::kDataLocation, 2)); }},
      {"an option of delegate 0",
       [&](auto& s) { unset(item(at(delegate(s), slot::kSpecs), 0), slot::kSpecKey); }},
  });
  const Sample sample = sample_program();  // inside the program instead
  set(at(delegate(sample), slot::kProcessed), u8(slot::kDataLocation, 0));
  set(at(delegate(sample), slot::kProcessed), i32(slot::kDataIndex, 0));
  set(sample.program, sub(slot::kInlineData, tables({table({sub(slot::kScalar, bytes({1}))})})));
  EXPECT_TRUE(check(sample.program).ok());
}

TEST(Precheck, NamedDataHasNameAndSegment) {
  const auto named = [](const Sample& s) { return item(at(s.program, slot::kNamedData), 0); };
  expect_refused({
      {"named data 0", [&](auto& s) { unset(named(s), slot::kKey); }},
      {"named data 0", [&](auto& s) { set(named(s), i32(slot::kNamedSegment, 2)); }},
  });
}

TEST(Precheck, TheProgramPartIsExactlyWhatTheHeaderSays) {
  const std::vector<uint8_t> file = write_pte(sample_program().program);
  PrecheckLimits limits;
  limits.total_bytes = file.size();
  const size_t size = program_size(file);
  EXPECT_TRUE(precheck_program(std::span(file).first(size), limits).ok());
  EXPECT_FALSE(precheck_program(std::span(file).first(size - 1), limits).ok());
  EXPECT_FALSE(precheck_program(file, limits).ok());
  EXPECT_FALSE(precheck_program({}, limits).ok());
  limits.total_bytes = size;  // no room for the segments
  EXPECT_FALSE(precheck_program(std::span(file).first(size), limits).ok());
}

// A program synthesised in memory: the constants lie elsewhere, the loader only says how large all
// is.
TEST(Precheck, AVirtualFileOnlyNeedsItsTotalSize) {
  const std::vector<uint8_t> file = write_pte(sample_program().program);
  PrecheckLimits limits;
  limits.total_bytes = file.size() + 1'000'000;
  EXPECT_TRUE(precheck_program(std::span(file).first(program_size(file)), limits).ok());
}

}  // namespace
}  // namespace etb::model
