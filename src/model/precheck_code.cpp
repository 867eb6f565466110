// Instructions: what they call exists, what they touch has memory, and they end.
#include <algorithm>

#include "model/precheck_parts.h"
#include "model/pte_summary.h"

namespace etb::model::precheck {
namespace {

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

  // The value must be usable as it stands: a tensor has memory by the time the method runs.
  Status check_backed(int64_t id) const {
    if (!in_range(id, known_.size()))
      return corrupt(concat("it uses value ", id, " of ", known_.size()));
    const Value& value = known_[static_cast<size_t>(id)];
    const bool backed =
        value.backing != Backing::Caller || value.is_input || value.is_moved_to || value.empty;
    return backed ? Status() : corrupt(concat("it uses value ", id, ", which has no memory"));
  }

  Status check_arguments(const FlatTable& call) const {
    const FlatVector arguments = call.vector(slot::kArgs, 4);
    if (!arguments.exists()) return corrupt("it lacks its arguments");
    for (size_t i = 0; i < arguments.size(); ++i) {
      const int32_t id = arguments.get<int32_t>(i);
      ETB_RETURN_IF_ERROR(check_backed(id));
      ETB_RETURN_IF_ERROR(check_list_items(static_cast<size_t>(id)));
    }
    return {};
  }

  Status check_list_items(size_t id) const {
    const ValueType type = known_[id].type;
    if (type != ValueType::TensorList && type != ValueType::OptionalTensorList) return {};
    const FlatVector items = method_.values.table(id).table(slot::kValue).vector(slot::kScalar, 4);
    for (size_t i = 0; i < items.size(); ++i) {
      if (items.get<int32_t>(i) >= 0) ETB_RETURN_IF_ERROR(check_backed(items.get<int32_t>(i)));
    }
    return {};
  }

  Status check_kernel_call(const FlatTable& call) const {
    const int32_t op = call.get<int32_t>(slot::kCallee);
    if (!in_range(op, arguments_.size()))
      return corrupt("it calls an operator that does not exist");
    ETB_RETURN_IF_ERROR(check_arguments(call));
    const std::string_view signature = arguments_[static_cast<size_t>(op)];
    if (signature.empty()) return {};
    Status status = check_signature(signature, call.vector(slot::kArgs, 4));
    return status.ok()
               ? status
               : status.with_context(operator_name(operators_.table(static_cast<size_t>(op))));
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
        return corrupt(concat("its argument ", i, " is of another kind than '", signature[i], "'"));
      }
    }
    return {};
  }

  static bool fits(char letter, const Value& value) {
    const ValueType type = value.type;
    const bool none = type == ValueType::Null;
    switch (letter) {
      case 'T':
        return type == ValueType::Tensor;
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
    const bool same =
        known_[static_cast<size_t>(from)].type == known_[static_cast<size_t>(to)].type;
    return same ? Status() : corrupt("it moves a value over one of another type");
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

  std::vector<Value> known_;  // a copy: moves are marked in it
  FlatVector operators_;
  FlatVector delegates_;
  const MethodParts& method_;
  const PrecheckLimits& limits_;
  std::unordered_map<std::string, std::string_view> signatures_;
  std::vector<std::string_view> arguments_;  // by operator; empty: unknown
};

}  // namespace

Status check_code(const MethodParts& method, const PrecheckLimits& limits) {
  return CodeCheck(method, limits).run();
}

}  // namespace etb::model::precheck
