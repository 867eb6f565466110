// Instructions: what they call exists, what they touch has memory, and they end.
#include <algorithm>

#include "model/precheck_parts.h"
#include "model/pte_summary.h"

namespace etb::model::precheck {
namespace {

// Makes its last argument show the memory of its first.
constexpr std::string_view kView = "executorch_prim::et_view.default";
constexpr int kMostViewPasses = 64;

constexpr size_t kLongestOperatorName = 98;  // the runtime's buffer, less '.' and the final zero

class CodeCheck {
 public:
  CodeCheck(const MethodParts& method, const PrecheckLimits& limits)
      : known_(method.known),
        operators_(method.plan.tables(slot::kOperators)),
        delegates_(method.plan.tables(slot::kDelegates)),
        method_(method),
        limits_(limits) {
    for (const OperatorSignature& signature : limits.signatures) {
      signatures_.emplace(signature.name, signature.arguments);
    }
  }

  Status run() {
    ETB_RETURN_IF_ERROR(check_operators());
    const FlatVector chains = method_.plan.tables(slot::kChains);
    if (chains.size() == 0) return corrupt("there are no instructions, not even an empty list");
    for (size_t c = 0; c < chains.size(); ++c) {
      const FlatVector code = chains.table(c).tables(slot::kInstructions);
      if (!code.exists()) return corrupt("a chain lacks its list of instructions");
      mark_moved(code);
    }
    ETB_RETURN_IF_ERROR(mark_views(chains));
    look_into_lists();
    for (size_t c = 0; c < chains.size(); ++c) {
      ETB_RETURN_IF_ERROR(check_chain(chains.table(c).tables(slot::kInstructions)));
    }
    return {};
  }

 private:
  Status check_operators() {
    for (size_t i = 0; i < operators_.size(); ++i) {
      const FlatTable op = operators_.table(i);
      const std::string_view name = op.string(slot::kOperatorName);
      const std::string_view overload = op.string(slot::kOverload);
      if (name.empty() || !op.has(slot::kOverload) ||
          name.size() + overload.size() > kLongestOperatorName) {
        return corrupt(concat("operator ", i, " has no name that can be looked up"));
      }
      const auto found = signatures_.find(operator_name(op));
      is_view_.push_back(operator_name(op) == kView);
      arguments_.push_back(found == signatures_.end() ? std::string_view() : found->second);
    }
    return {};
  }

  void mark_moved(const FlatVector& code) {
    for (size_t i = 0; i < code.size(); ++i) {
      if (type_of(code.table(i)) != InstructionType::Move) continue;
      const int32_t to = code.table(i).table(slot::kValue).get<int32_t>(slot::kTo);
      if (in_range(to, known_.size())) known_[static_cast<size_t>(to)].is_moved_to = true;
    }
  }

  // A view of what may not be written must not be written either, and one of an input has memory
  // only by being one. Views of views: until nothing changes.
  Status mark_views(const FlatVector& chains) {
    for (int pass = 0; pass < kMostViewPasses; ++pass) {
      bool changed = false;
      for (size_t c = 0; c < chains.size(); ++c) {
        changed |= mark_views_of(chains.table(c).tables(slot::kInstructions));
      }
      if (!changed) return {};
    }
    return {StatusCode::Unsupported, concat("its views of views go deeper than ", kMostViewPasses)};
  }

  bool mark_views_of(const FlatVector& code) {
    bool changed = false;
    for (size_t i = 0; i < code.size(); ++i) {
      if (type_of(code.table(i)) != InstructionType::Kernel) continue;
      const FlatTable call = code.table(i).table(slot::kValue);
      const int32_t op = call.get<int32_t>(slot::kCallee);
      if (!in_range(op, is_view_.size()) || !is_view_[static_cast<size_t>(op)]) continue;
      const FlatVector arguments = call.vector(slot::kArgs, 4);
      const size_t count = arguments.size();
      const int32_t base = count > 0 ? arguments.get<int32_t>(0) : -1;
      const int32_t view = count > 0 ? arguments.get<int32_t>(count - 1) : -1;
      if (!in_range(base, known_.size()) || !in_range(view, known_.size())) continue;
      const Value& shown = known_[static_cast<size_t>(base)];
      Value& showing = known_[static_cast<size_t>(view)];
      const bool borrows = showing.backing == Backing::Caller || shown.backing == Backing::Caller ||
                           !is_writable(shown);
      if (!borrows || showing.is_moved_to || !is_backed(shown)) continue;
      showing.is_moved_to = true;
      changed = true;
    }
    return changed;
  }

  // Each list is read once, however many calls name it.
  void look_into_lists() {
    lists_.resize(known_.size());
    for (size_t id = 0; id < known_.size(); ++id) {
      const ValueType type = known_[id].type;
      if (type != ValueType::TensorList && type != ValueType::OptionalTensorList) continue;
      const FlatTable content = method_.values.table(id).table(slot::kValue);
      const FlatVector items = content.vector(slot::kScalar, 4);
      for (size_t i = 0; i < items.size(); ++i) {
        const int32_t item = items.get<int32_t>(i);
        if (item < 0) continue;  // check_values() has seen to the others
        const Value& value = known_[static_cast<size_t>(item)];
        if (!is_backed(value) && lists_[id].unbacked < 0) lists_[id].unbacked = item;
        lists_[id].writable &= is_writable(value);
      }
    }
  }

  // A tensor has memory by the time the method runs.
  static bool is_backed(const Value& value) {
    return value.backing != Backing::Caller || value.is_input || value.is_moved_to || value.empty;
  }
  // A tensor that may be written: not the mapped file, nor what a move may have put in its place.
  static bool is_writable(const Value& value) {
    return !is_read_only(value.backing) && !value.is_moved_to;
  }

  static InstructionType type_of(const FlatTable& instruction) {
    return static_cast<InstructionType>(instruction.get<uint8_t>(slot::kType));
  }

  Status check_chain(const FlatVector& code) const {
    for (size_t i = 0; i < code.size(); ++i) {
      Status status = check_instruction(code.table(i), i, code.size());
      if (!status.ok()) return status.with_context(concat("instruction ", i));
    }
    return {};
  }

  Status check_instruction(const FlatTable& instruction, size_t index, size_t count) const {
    const FlatTable call = instruction.table(slot::kValue);
    switch (type_of(instruction)) {
      case InstructionType::Kernel:
        return check_kernel_call(call);
      case InstructionType::Delegate:
        if (!in_range(call.get<int32_t>(slot::kCallee), delegates_.size())) {
          return corrupt("it calls a delegate that does not exist");
        }
        return check_arguments(call);
      case InstructionType::Move:
        return check_move(call);
      case InstructionType::JumpFalse:
        return check_jump(call, index, count);
      case InstructionType::Free:
        return Status(StatusCode::Unsupported, "it frees memory while it runs");
      case InstructionType::None:
        break;
    }
    return corrupt("it is of no known type");
  }

  // The value must be usable as it stands.
  Status check_backed(int64_t id) const {
    if (!in_range(id, known_.size()))
      return corrupt(concat("it uses value ", id, " of ", known_.size()));
    const bool backed = is_backed(known_[static_cast<size_t>(id)]);
    return backed ? Status() : corrupt(concat("it uses value ", id, ", which has no memory"));
  }

  Status check_arguments(const FlatTable& call) const {
    const FlatVector arguments = call.vector(slot::kArgs, 4);
    if (!arguments.exists()) return corrupt("it lacks its arguments");
    for (size_t i = 0; i < arguments.size(); ++i) {
      const int32_t id = arguments.get<int32_t>(i);
      ETB_RETURN_IF_ERROR(check_backed(id));
      const int32_t item = lists_[static_cast<size_t>(id)].unbacked;
      if (item >= 0) return corrupt(concat("it uses value ", item, ", which has no memory"));
    }
    return {};
  }

  Status check_kernel_call(const FlatTable& call) const {
    const int32_t op = call.get<int32_t>(slot::kCallee);
    if (!in_range(op, arguments_.size()))
      return corrupt("it calls an operator that does not exist");
    ETB_RETURN_IF_ERROR(check_arguments(call));
    if (is_view_[static_cast<size_t>(op)]) return {};  // it writes no memory
    const std::string_view signature = arguments_[static_cast<size_t>(op)];
    const FlatVector arguments = call.vector(slot::kArgs, 4);
    Status status =
        signature.empty() ? check_result(arguments) : check_signature(signature, arguments);
    return status.ok()
               ? status
               : status.with_context(operator_name(operators_.table(static_cast<size_t>(op))));
  }

  // Of an operator without a signature only this much is known: the stock form names what is
  // written twice, at the end.
  Status check_result(const FlatVector& arguments) const {
    const size_t count = arguments.size();
    if (count < 2) return {};
    const int32_t id = arguments.get<int32_t>(count - 1);
    if (arguments.get<int32_t>(count - 2) != id) return {};
    const Value& value = known_[static_cast<size_t>(id)];
    const bool tensor = value.type == ValueType::Tensor;
    const bool writable = tensor ? is_writable(value) : lists_[static_cast<size_t>(id)].writable;
    return writable ? Status() : corrupt(concat("it writes value ", id, ", which is read-only"));
  }

  Status check_signature(std::string_view signature, const FlatVector& arguments) const {
    const size_t count = arguments.size();
    const bool repeated = count == signature.size() + 1 &&
                          arguments.get<int32_t>(count - 1) == arguments.get<int32_t>(count - 2);
    if (count != signature.size() && !repeated) {
      return corrupt(concat("it takes ", signature.size(), " arguments and gets ", count));
    }
    for (size_t i = 0; i < signature.size(); ++i) {
      const Value& value = known_[static_cast<size_t>(arguments.get<int32_t>(i))];
      if (!fits(signature[i], value)) {
        return corrupt(concat("its argument ", i, " is of another kind than '", signature[i], "'",
                              meaning(signature[i])));
      }
    }
    return {};
  }

  static std::string_view meaning(char letter) {
    if (letter == 'C' || letter == 'c') return " (a constant tensor of the file)";
    return letter == 'W' ? " (a tensor in memory that the program plans)" : "";
  }

  static bool fits(char letter, const Value& value) {
    const ValueType type = value.type;
    const bool none = type == ValueType::Null;
    switch (letter) {
      case 'T':
        return type == ValueType::Tensor;
      case 'C':
        return type == ValueType::Tensor && value.backing == Backing::Constant;
      case 'c':
        return none || (type == ValueType::Tensor && value.backing == Backing::Constant);
      case 'W':
        return type == ValueType::Tensor && value.backing == Backing::Planned && !value.is_moved_to;
      case 't':
        return none || type == ValueType::Tensor;
      case 'I':
        return type == ValueType::Int;
      case 'i':
        return none || type == ValueType::Int;
      case 'D':
        return type == ValueType::Double;
      case 'd':
        return none || type == ValueType::Double;
      case 'B':
        return type == ValueType::Bool;
      case 'b':
        return none || type == ValueType::Bool;
      case 'S':
        return type == ValueType::String;
      case 's':
        return none || type == ValueType::String;
      case 'L':
        return type == ValueType::IntList;
      case 'l':
        return none || type == ValueType::IntList;
      default:
        return letter == 'A';
    }
  }

  Status check_move(const FlatTable& move) const {
    const int32_t from = move.get<int32_t>(slot::kFrom);
    const int32_t to = move.get<int32_t>(slot::kTo);
    ETB_RETURN_IF_ERROR(check_backed(from));
    ETB_RETURN_IF_ERROR(check_backed(to));
    const Value& target = known_[static_cast<size_t>(to)];
    if (known_[static_cast<size_t>(from)].type != target.type) {
      return corrupt("it moves a value over one of another type");
    }
    if (target.type != ValueType::Tensor) return {};
    if (is_read_only(target.backing)) {
      return corrupt(concat("it moves a tensor over value ", to, ", which is read-only"));
    }
    // The runtime would copy the next input into whatever was moved there.
    return target.is_input ? corrupt(concat("it moves a tensor over input value ", to)) : Status();
  }

  Status check_jump(const FlatTable& jump, size_t index, size_t count) const {
    const int32_t condition = jump.get<int32_t>(slot::kCondition);
    const int32_t destination = jump.get<int32_t>(slot::kDestination);
    ETB_RETURN_IF_ERROR(check_backed(condition));
    const Value& value = known_[static_cast<size_t>(condition)];
    if (value.type != ValueType::Bool && (value.type != ValueType::Tensor || value.empty)) {
      return corrupt("it jumps on a value that is no condition");
    }
    if (!in_range(destination, count + 1)) return corrupt("it jumps out of the program");
    if (static_cast<size_t>(destination) <= index && !limits_.allow_backward_jumps) {
      return Status(StatusCode::Unsupported, "it jumps back: loops are not allowed here");
    }
    return {};
  }

  struct TensorListFacts {
    int32_t unbacked = -1;  // the first item without memory
    bool writable = true;   // all items are
  };

  std::vector<Value> known_;  // a copy: moves are marked in it
  FlatVector operators_;
  FlatVector delegates_;
  const MethodParts& method_;
  const PrecheckLimits& limits_;
  std::unordered_map<std::string, std::string_view> signatures_;
  std::vector<std::string_view> arguments_;  // by operator; empty: unknown
  std::vector<bool> is_view_;                // by operator
  std::vector<TensorListFacts> lists_;       // by value
};

}  // namespace

Status check_code(const MethodParts& method, const PrecheckLimits& limits) {
  return CodeCheck(method, limits).run();
}

}  // namespace etb::model::precheck
