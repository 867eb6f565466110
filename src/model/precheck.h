// The check that a program must pass before the real runtime sees its bytes. The runtime's own
// verification lets programs through that make it call wild pointers or abort; nothing that passes
// here does (precheck_mutation_test.cpp drives the runtime with thousands of damaged programs).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace etb::model {

// What an operator's kernel takes. One letter an argument:
//   T tensor that is read, C constant tensor of the file (so that nothing writes it while the
//   kernel trusts what it has checked), W tensor that is written (in memory the program plans),
//   t tensor or none, c constant tensor or none, I int, D double, B bool, S string, i/d/b/s the
//   same or none, L list of ints, l list or none, A anything. A kernel may get its last argument
//   once more (the stock form of a return value).
struct OperatorSignature {
  std::string_view name;  // "etb::mlp.out"
  std::string_view arguments;
};

struct PrecheckLimits {
  // What the runtime's loader will say is the size of everything: the file, or a virtual one.
  uint64_t total_bytes = 0;
  // Of one method, all memory ids together.
  uint64_t max_planned_bytes = uint64_t{1} << 40;
  // Loops may run up to the runtime's cap of ten million instructions an execute; no language model
  // needs them.
  bool allow_backward_jumps = false;
  // Of operators not listed only the result is checked: it is no constant.
  std::span<const OperatorSignature> signatures;
};

// Corrupt or Unsupported, naming the method and what is wrong. `program` begins at the file's byte
// 0.
Status precheck_program(std::span<const uint8_t> program, const PrecheckLimits& limits);

}  // namespace etb::model
