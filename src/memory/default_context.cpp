#include "memory/default_context.h"

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "memory/show.h"

namespace etb::memory {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint32_t kUsual = 4096;
constexpr uint32_t kLeast = 512;

// What sort of device it is. A row counts for devices up to its memory.
struct DeviceClass {
  uint64_t up_to_bytes;
  uint32_t context_part;  // at most 1/N of the wish
  uint64_t kv_part;       // KV at most 1/N of what is left
};
constexpr DeviceClass kClasses[] = {
    {4 * kGiB, 4, 4},
    {8 * kGiB, 2, 4},
    {UINT64_MAX, 1, 2},
};

const DeviceClass& class_of(uint64_t device_bytes) {
  return *std::find_if(std::begin(kClasses), std::end(kClasses),
                       [&](const DeviceClass& row) { return device_bytes <= row.up_to_bytes; });
}

uint32_t wish_of(const ContextInput& input) {
  const uint32_t asked = input.file_default != 0 ? input.file_default : kUsual;
  return input.trained != 0 ? std::min(asked, input.trained) : asked;
}

// The largest power of two up to `context`, but at least kLeast; never above `wish`.
uint32_t rounded(uint32_t context, uint32_t wish) {
  if (context >= wish) return wish;
  return std::min(std::max(std::bit_floor(context), kLeast), wish);
}

}  // namespace

ContextChoice default_context(const ContextInput& input) {
  const uint32_t wish = wish_of(input);
  const MachineMemory& machine = input.machine;
  const uint64_t device = std::min(machine.total_bytes, machine.limit_bytes.value_or(UINT64_MAX));
  const DeviceClass& row = class_of(device);

  const ModelCost& cost = input.cost;
  const uint64_t beside =
      std::min(less(input.budget.dirty_bytes, cost.fixed_bytes),
               less(input.budget.total_bytes, add_saturating(cost.weight_bytes, cost.fixed_bytes)));
  const uint32_t by_room = rounded(tokens_within(cost, beside / row.kv_part, wish), wish);
  const uint32_t by_class = rounded(wish / row.context_part, wish);

  ContextChoice choice;
  choice.context = std::min(by_room, by_class);
  const std::string takes = concat("a context of ", choice.context, " takes ",
                                   mebibytes(kv_bytes(cost, choice.context)), " of KV cache");
  if (choice.context == wish) {
    choice.reasoning = concat(takes, ", within 1/", row.kv_part, " of the ", mebibytes(beside),
                              " left beside the model");
  } else if (by_room <= by_class) {
    choice.reasoning = concat(takes, "; one of ", wish, " would take ",
                              mebibytes(kv_bytes(cost, wish)), ", more than 1/", row.kv_part,
                              " of the ", mebibytes(beside), " left beside the model");
  } else {
    choice.reasoning = concat(takes, ": 1/", row.context_part, " of ", wish, " on a device with ",
                              mebibytes(device), " of memory");
  }
  return choice;
}

}  // namespace etb::memory
