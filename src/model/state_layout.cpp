#include "model/state_layout.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "model/pte_schema.h"
#include "model/pte_summary.h"

namespace etb::model {
namespace {

constexpr std::string_view kUpdateCache = "llama::update_cache.out";
constexpr std::string_view kUpdateAndAttend = "llama::sdpa_with_kv_cache.out";
constexpr size_t kLlamaAxis = 1;  // their caches are [batch][position][head][dim]
constexpr std::string_view kUpdateRing = "llama::update_cache_with_indices.out";
constexpr std::string_view kIndexPut = "aten::index_put.out";
constexpr std::string_view kIndexPutInPlace = "aten::index_put_";
constexpr std::string_view kCopyInPlace = "aten::copy_";
constexpr std::string_view kStatelessBackend = "XnnpackBackend";
// Operators of these keep nothing and write their outputs alone, unless their name says otherwise.
constexpr std::string_view kKnownNamespaces[] = {"aten", "dim_order_ops", "executorch_prim",
                                                 "quantized_decomposed", "torchao"};
constexpr std::string_view kStatelessLlama[] = {"llama::custom_sdpa.out",
                                                "llama::custom_quantized_sdpa.out",
                                                "llama::fast_hadamard_transform.out"};

// "aten::copy_.default" writes into its first argument.
bool is_in_place(std::string_view name) {
  const std::string_view bare = name.substr(0, name.find('.'));
  return bare.ends_with('_');
}

bool is_stateless(std::string_view name) {
  if (std::ranges::find(kStatelessLlama, name) != std::end(kStatelessLlama)) return true;
  const std::string_view space = name.substr(0, name.find("::"));
  return std::ranges::find(kKnownNamespaces, space) != std::end(kKnownNamespaces);
}

class MethodState {
 public:
  MethodState(const FlatTable& plan, uint64_t context) : plan_(plan), context_(context) {}

  StateLayout read() {
    const FlatVector chains = plan_.tables(slot::kChains);
    for (size_t c = 0; c < chains.size() && opaque_.empty(); ++c) {
      const FlatVector instructions = chains.table(c).tables(slot::kInstructions);
      for (size_t i = 0; i < instructions.size() && opaque_.empty(); ++i) {
        read_instruction(instructions.table(i));
      }
    }
    if (buffers_.empty() && opaque_.empty()) opaque_ = "it keeps no cache of a known form";
    return {{buffers_.begin(), buffers_.end()}, opaque_};
  }

 private:
  struct Put {
    int32_t self = -1;
    size_t axis = 0;
  };

  void read_instruction(const FlatTable& instruction) {
    const auto type = static_cast<InstructionType>(instruction.get<uint8_t>(slot::kType));
    const FlatTable call = instruction.table(slot::kValue);
    if (type == InstructionType::Delegate) return read_delegate(call.get<int32_t>(slot::kCallee));
    if (type != InstructionType::Kernel) return;
    const auto callee = static_cast<size_t>(call.get<int32_t>(slot::kCallee));
    read_kernel(operator_name(plan_.tables(slot::kOperators).table(callee)),
                call.vector(slot::kArgs, sizeof(int32_t)));
  }

  void read_delegate(int32_t callee) {
    const FlatTable delegate = plan_.tables(slot::kDelegates).table(static_cast<size_t>(callee));
    const std::string_view backend = delegate.string(slot::kBackend);
    if (backend == kStatelessBackend) return;
    opaque_ =
        concat("a part of it is delegated to ", backend, ", which may keep a state of its own");
  }

  void read_kernel(const std::string& name, const FlatVector& args) {
    const auto arg = [&args](size_t i) { return i < args.size() ? args.get<int32_t>(i) : -1; };
    if (name == kUpdateCache) return add(arg(1), kLlamaAxis, name);
    if (name == kUpdateAndAttend) {
      add(arg(3), kLlamaAxis, name);
      return add(arg(4), kLlamaAxis, name);
    }
    if (name == kUpdateRing) {
      opaque_ = "its cache is a ring";
      return;
    }
    if (name == kIndexPut) {
      const std::optional<size_t> axis = indexed_axis(arg(1));
      if (axis && args.size() > 0) puts_[arg(args.size() - 1)] = {arg(0), *axis};
      return;
    }
    if (!is_in_place(name)) {
      if (!is_stateless(name)) opaque_ = concat("operator ", name, " may keep a state");
      return;
    }
    if (name.starts_with(kIndexPutInPlace)) {
      const std::optional<size_t> axis = indexed_axis(arg(1));
      if (axis) return add(arg(0), *axis, name);
    }
    const auto put = puts_.find(arg(1));
    if (name.starts_with(kCopyInPlace) && put != puts_.end() && put->second.self == arg(0)) {
      return add(arg(0), put->second.axis, name);
    }
    opaque_ = concat("operator ", name, " writes a state of another form");
  }

  FlatTable value(int32_t id) const {
    const FlatVector values = plan_.tables(slot::kValues);
    const bool known = id >= 0 && static_cast<size_t>(id) < values.size();
    return known ? values.table(static_cast<size_t>(id)) : FlatTable();
  }

  // The one dimension that a list of indices names; none if it names others too.
  std::optional<size_t> indexed_axis(int32_t list) const {
    const FlatTable indices = value(list);
    if (static_cast<ValueType>(indices.get<uint8_t>(slot::kType)) !=
        ValueType::OptionalTensorList) {
      return std::nullopt;
    }
    const FlatVector items = indices.table(slot::kValue).vector(slot::kScalar, sizeof(int32_t));
    std::optional<size_t> axis;
    for (size_t i = 0; i < items.size(); ++i) {
      if (items.get<int32_t>(i) < 0) continue;
      if (axis) return std::nullopt;
      axis = i;
    }
    return axis;
  }

  void add(int32_t id, size_t axis, std::string_view writer) {
    const std::optional<StateBuffer> buffer = buffer_of(id, axis);
    if (!buffer) {
      opaque_ = concat("operator ", writer, " writes a cache without a row for each position");
      return;
    }
    buffers_.insert(*buffer);
  }

  // None unless it is a plain tensor in planned memory with a row for each position.
  std::optional<StateBuffer> buffer_of(int32_t id, size_t axis) const {
    const FlatTable entry = value(id);
    const FlatTable tensor = entry.table(slot::kValue);
    const bool is_tensor =
        static_cast<ValueType>(entry.get<uint8_t>(slot::kType)) == ValueType::Tensor;
    const FlatVector sizes = tensor.vector(slot::kSizes, sizeof(int32_t));
    const std::optional<uint64_t> bytes = tensor_bytes(tensor);
    if (!is_tensor || !tensor.has(slot::kAllocation) || axis >= sizes.size() || !bytes ||
        *bytes == 0 || tensor.get<uint8_t>(slot::kDynamism) != 0 || !in_order(tensor)) {
      return std::nullopt;
    }
    StateBuffer buffer;
    buffer.groups = 1;
    for (size_t i = 0; i < axis; ++i) buffer.groups *= static_cast<uint64_t>(sizes.get<int32_t>(i));
    buffer.positions = static_cast<uint64_t>(sizes.get<int32_t>(axis));
    buffer.row_bytes = *bytes / buffer.groups / buffer.positions;
    if (buffer.positions < context_) return std::nullopt;
    const FlatTable place = tensor.table(slot::kAllocation);
    buffer.memory_id = place.get<uint32_t>(slot::kMemoryId);
    buffer.offset = uint64_t{place.get<uint32_t>(slot::kOffsetHigh)} << 32 |
                    place.get<uint32_t>(slot::kOffsetLow);
    return buffer;
  }

  static bool in_order(const FlatTable& tensor) {
    const FlatVector order = tensor.vector(slot::kDimOrder, 1);
    for (size_t i = 0; i < order.size(); ++i) {
      if (order.get<uint8_t>(i) != i) return false;
    }
    return true;
  }

  FlatTable plan_;
  uint64_t context_;
  std::map<int32_t, Put> puts_;  // by the value that holds the result
  std::set<StateBuffer> buffers_;
  std::string opaque_;
};

FlatTable plan_named(const FlatVector& plans, std::string_view name) {
  for (size_t i = 0; i < plans.size(); ++i) {
    if (plans.table(i).string(slot::kPlanName) == name) return plans.table(i);
  }
  return {};
}

}  // namespace

StateLayout state_layout(Bytes program, std::span<const std::string> methods, uint64_t context) {
  const FlatVector plans = root_table(program).tables(slot::kPlans);
  std::optional<StateLayout> all;
  for (const std::string& method : methods) {
    StateLayout state = MethodState(plan_named(plans, method), context).read();
    if (!state.opaque.empty()) return {{}, state.opaque};
    if (all && all->buffers != state.buffers) {
      return {
          {},
          concat("method '", method, "' keeps its cache elsewhere than '", methods.front(), "'")};
    }
    all = std::move(state);
  }
  if (!all) return {{}, "it has no method that keeps a cache"};
  const uint32_t memory = all->buffers.front().memory_id;
  if (std::ranges::any_of(all->buffers,
                          [memory](const StateBuffer& b) { return b.memory_id != memory; })) {
    return {{}, "its cache lies in several memories"};
  }
  return *all;
}

}  // namespace etb::model
