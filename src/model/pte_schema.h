// The tables of a program (schema/program.fbs of ExecuTorch 1.5) as data: field numbers by name,
// and the one structural check that every reader relies on.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "model/flat_reader.h"

namespace etb::model {

// Field numbers ("slots"), one enum a table that we read.
namespace slot {
enum Program {
  kVersion,
  kPlans,
  kConstantBuffers,
  kInlineData,
  kSegments,
  kConstants,
  kMutables,
  kNamedData
};
enum Plan {
  kPlanName,
  kContainer,
  kValues,
  kInputs,
  kOutputs,
  kChains,
  kOperators,
  kDelegates,
  kBufferSizes,
  kBufferDevices
};
enum Chain { kChainInputs, kChainOutputs, kInstructions, kStackTrace };
enum Union { kType, kValue };  // EValue and Instruction
enum Operator { kOperatorName, kOverload };
enum Call { kCallee, kArgs };  // KernelCall and DelegateCall
enum Move { kFrom, kTo };
enum Jump { kCondition, kDestination };
enum Scalar { kScalar };  // Int, Bool, Double, String, the lists, FreeCall
enum Tensor {
  kScalarType,
  kStorageOffset,
  kSizes,
  kDimOrder,
  kRequiresGrad,
  kBufferIndex,
  kAllocation,
  kLayout,
  kDynamism,
  kExtra
};
enum Allocation { kMemoryId, kOffsetLow, kOffsetHigh };
enum Extra { kMutableIndex, kQualifiedName, kLocation, kDeviceType, kDeviceIndex };
enum Subsegments { kSegmentIndex, kOffsets };
enum Segment { kOffset, kSize };
enum Named { kKey, kNamedSegment };
enum Delegate { kBackend, kProcessed, kSpecs };
enum DataRef { kDataLocation, kDataIndex };
enum Spec { kSpecKey, kSpecValue };
enum Device { kDeviceBuffer, kBufferDeviceType, kBufferDeviceIndex };
}  // namespace slot

// EValue.val
enum class ValueType : uint8_t {
  None = 0,
  Null = 1,
  Int = 2,
  Bool = 3,
  Double = 4,
  Tensor = 5,
  String = 6,
  IntList = 7,
  DoubleList = 8,
  BoolList = 9,
  TensorList = 10,
  OptionalTensorList = 11,
};
// Instruction.instr_args
enum class InstructionType : uint8_t {
  None = 0,
  Kernel = 1,
  Delegate = 2,
  Move = 3,
  JumpFalse = 4,
  Free = 5,
};

inline constexpr uint8_t kLocationSegment = 0;  // Extra.kLocation
inline constexpr uint8_t kLocationExternal = 1;
inline constexpr uint8_t kDataInline = 0;  // DataRef.kDataLocation
inline constexpr uint8_t kDataSegment = 1;

// Precondition: nothing. The root table, absent if the bytes hold none.
FlatTable root_table(Bytes program);

// Checks every table, vector and string that can be reached: inside the buffer, aligned, strings
// ended by a zero, unions of known types with a value, tensors of at most 16 dims, methods of at
// most 4096 inputs and as many outputs. Shared parts are counted each time they are reached and the
// count is bounded, so that walking the program afterwards takes bounded time and memory.
Status check_structure(Bytes program);

}  // namespace etb::model
