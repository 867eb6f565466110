#include "memory/budget.h"

#include <algorithm>

#include "base/text.h"
#include "memory/show.h"

namespace etb::memory {
namespace {

constexpr uint64_t kLeastMargin = uint64_t{8} << 20;
constexpr uint64_t kMarginPart = 10;
// A conversation below this many positions is none.
constexpr uint32_t kLeastContext = 64;

// One limit over this process: what of it is taken, and what stays free.
struct Bound {
  Limit limit{};
  uint64_t limit_bytes = 0;
  uint64_t held_bytes = 0;
  uint64_t room_bytes() const {
    return less(limit_bytes, add_saturating(held_bytes, margin_bytes(limit_bytes)));
  }
  std::string reason() const {
    return concat(mebibytes(room_bytes()), " are left: ", limit_name(limit), " has ",
                  mebibytes(limit_bytes), ", of which ", mebibytes(held_bytes), " are in use and ",
                  mebibytes(margin_bytes(limit_bytes)), " are kept free");
  }
};

Bound machine_bound(const MachineMemory& machine) {
  return {Limit::Machine, machine.total_bytes, less(machine.total_bytes, machine.available_bytes)};
}

void set_dirty(const Bound& bound, Budget& budget) {
  budget.dirty_bytes = bound.room_bytes();
  budget.dirty_limit = bound.limit;
  budget.dirty_reason = bound.reason();
}

void set_total(const Bound& bound, Budget& budget) {
  budget.total_bytes = bound.room_bytes();
  budget.total_limit = bound.limit;
  budget.total_reason = bound.reason();
}

std::string remedy(const ModelCost& cost, const Budget& budget, uint32_t tokens) {
  const uint32_t fits = largest_context(cost, budget, tokens);
  if (fits >= kLeastContext) return concat("take a context of at most ", fits);
  return "no context fits: take a smaller model or end other programs";
}

std::string dirty_parts(const ModelCost& cost, uint32_t tokens) {
  return concat(mebibytes(cost.fixed_bytes), " fixed, ", mebibytes(kv_bytes(cost, tokens)),
                " of KV cache");
}

// `what`: "a context of 4096".
Status refuse(std::string_view what, std::string_view needs, std::string_view has,
              std::string_view remedy) {
  return {StatusCode::OutOfMemory,
          concat(what, " needs ", needs, ", but only ", has, "; ", remedy)};
}

}  // namespace

uint64_t margin_bytes(uint64_t limit_bytes) {
  return std::max(limit_bytes / kMarginPart, kLeastMargin);
}

std::string_view limit_name(Limit limit) {
  switch (limit) {
    case Limit::Machine:
      return "the machine";
    case Limit::Group:
      return "the control group";
    case Limit::Host:
      return "the app";
  }
  return "?";
}

Budget make_budget(const BudgetInput& input) {
  Budget budget;
  const Bound machine = machine_bound(input.machine);
  set_dirty(machine, budget);
  set_total(machine, budget);
  if (input.machine.limit_bytes) {
    const Bound group{Limit::Group, *input.machine.limit_bytes,
                      input.machine.limit_used_bytes.value_or(0)};
    if (group.room_bytes() < budget.dirty_bytes) set_dirty(group, budget);
    if (group.room_bytes() < budget.total_bytes) set_total(group, budget);
  }
  if (input.host_limit_bytes) {
    const Bound host{Limit::Host, *input.host_limit_bytes, input.footprint_bytes};
    if (host.room_bytes() < budget.dirty_bytes) set_dirty(host, budget);
  }
  return budget;
}

Status admit(const ModelCost& cost, uint32_t tokens, const Budget& budget) {
  const Estimate need = estimate(cost, tokens);
  const std::string what = concat("a context of ", tokens);
  if (need.dirty_bytes > budget.dirty_bytes) {
    return refuse(what,
                  concat(mebibytes(need.dirty_bytes), " beside the mapped weights (",
                         dirty_parts(cost, tokens), ")"),
                  budget.dirty_reason, remedy(cost, budget, tokens));
  }
  if (need.total_bytes() > budget.total_bytes) {
    return refuse(what,
                  concat(mebibytes(need.total_bytes()), " (", mebibytes(cost.weight_bytes),
                         " of weights, ", dirty_parts(cost, tokens), ")"),
                  budget.total_reason, remedy(cost, budget, tokens));
  }
  return {};
}

Status admit_session(const ModelCost& cost, uint32_t tokens, const Budget& budget) {
  ModelCost more = cost;
  more.fixed_bytes = cost.session_bytes;
  // The loaded model's pages are in memory and count as room that can be dropped: they must stay.
  return admit(more, tokens, budget);
}

uint32_t largest_context(const ModelCost& cost, const Budget& budget, uint32_t most) {
  if (cost.fixed_bytes > budget.dirty_bytes) return 0;
  const uint64_t fixed_total = add_saturating(cost.weight_bytes, cost.fixed_bytes);
  if (fixed_total > budget.total_bytes) return 0;
  const uint64_t room =
      std::min(budget.dirty_bytes - cost.fixed_bytes, budget.total_bytes - fixed_total);
  return tokens_within(cost, room, most);
}

}  // namespace etb::memory
