// From FlatBuffer tables to plain data.
#include "model/pte_summary.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/text.h"

namespace etb::model {
namespace {

ValueSummary summarize_value(const FlatTable& value) {
  ValueSummary summary;
  summary.type = static_cast<ValueType>(value.get<uint8_t>(slot::kType));
  if (summary.type != ValueType::Tensor) return summary;
  const FlatTable tensor = value.table(slot::kValue);
  summary.dtype = static_cast<ScalarType>(tensor.get<uint8_t>(slot::kScalarType));
  const FlatVector sizes = tensor.vector(slot::kSizes, 4);
  for (size_t i = 0; i < sizes.size(); ++i) summary.sizes.push_back(sizes.get<int32_t>(i));
  summary.dynamic = tensor.get<uint8_t>(slot::kDynamism) != 0;
  summary.planned = tensor.has(slot::kAllocation);
  summary.bytes = tensor_bytes(tensor).value_or(std::numeric_limits<uint64_t>::max());
  return summary;
}

std::vector<ValueSummary> summarize_values(const FlatVector& values, const FlatVector& ids) {
  std::vector<ValueSummary> summaries;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids.get<int32_t>(i);
    const bool known = id >= 0 && static_cast<size_t>(id) < values.size();
    summaries.push_back(
        summarize_value(known ? values.table(static_cast<size_t>(id)) : FlatTable()));
  }
  return summaries;
}

std::optional<Constant> constant_of(const FlatTable& value) {
  const FlatTable content = value.table(slot::kValue);
  switch (static_cast<ValueType>(value.get<uint8_t>(slot::kType))) {
    case ValueType::Int:
      return content.get<int64_t>(slot::kScalar);
    case ValueType::Double:
      return content.get<double>(slot::kScalar);
    case ValueType::Bool:
      return content.get<uint8_t>(slot::kScalar) != 0;
    case ValueType::String:
      return std::string(content.string(slot::kScalar));
    default:
      return std::nullopt;
  }
}

// Empty unless every output is a literal. `text_room` is what is left for texts.
std::vector<Constant> constants_of(const FlatVector& values, const FlatVector& outputs,
                                   size_t& text_room) {
  std::vector<Constant> constants;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int32_t id = outputs.get<int32_t>(i);
    if (id < 0 || static_cast<size_t>(id) >= values.size()) return {};
    const FlatTable value = values.table(static_cast<size_t>(id));
    if (value.get<uint8_t>(slot::kType) == static_cast<uint8_t>(ValueType::String)) {
      const size_t length = value.table(slot::kValue).string(slot::kScalar).size();
      if (length > text_room) return {};
      text_room -= length;
    }
    std::optional<Constant> constant = constant_of(value);
    if (!constant) return {};
    constants.push_back(std::move(*constant));
  }
  return constants;
}

std::vector<std::string> external_weights(const FlatVector& values) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < values.size() && names.size() < kMostWeightNames; ++i) {
    const FlatTable value = values.table(i);
    if (value.get<uint8_t>(slot::kType) != static_cast<uint8_t>(ValueType::Tensor)) continue;
    const FlatTable extra = value.table(slot::kValue).table(slot::kExtra);
    if (extra.get<uint8_t>(slot::kLocation) != kLocationExternal) continue;
    const std::string_view name = extra.string(slot::kQualifiedName);
    if (name.size() <= kLongestWeightName) names.insert(name);
  }
  return {names.begin(), names.end()};
}

uint64_t count_constant_tensors(const FlatVector& values) {
  uint64_t count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const FlatTable value = values.table(i);
    if (value.get<uint8_t>(slot::kType) != static_cast<uint8_t>(ValueType::Tensor)) continue;
    const FlatTable tensor = value.table(slot::kValue);
    count += tensor.get<uint32_t>(slot::kBufferIndex) != 0 && !tensor.has(slot::kAllocation);
  }
  return count;
}

void count_instructions(const FlatTable& plan, MethodSummary& method) {
  const FlatVector chains = plan.tables(slot::kChains);
  for (size_t c = 0; c < chains.size(); ++c) {
    const FlatVector instructions = chains.table(c).tables(slot::kInstructions);
    method.instructions += instructions.size();
    for (size_t i = 0; i < instructions.size(); ++i) {
      const auto type = instructions.table(i).get<uint8_t>(slot::kType);
      method.delegate_calls += type == static_cast<uint8_t>(InstructionType::Delegate);
    }
  }
}

MethodSummary summarize_method(const FlatTable& plan, size_t& text_room) {
  MethodSummary method;
  method.name = plan.string(slot::kPlanName);
  const FlatVector values = plan.tables(slot::kValues);
  const FlatVector outputs = plan.vector(slot::kOutputs, 4);
  method.values = values.size();
  method.inputs = summarize_values(values, plan.vector(slot::kInputs, 4));
  method.outputs = summarize_values(values, outputs);
  method.constant_tensors = count_constant_tensors(values);
  method.external_weights = external_weights(values);
  count_instructions(plan, method);
  if (method.inputs.empty() && method.instructions == 0) {
    method.constants = constants_of(values, outputs, text_room);
  }
  const FlatVector operators = plan.tables(slot::kOperators);
  for (size_t i = 0; i < operators.size(); ++i) {
    method.operators.push_back(operator_name(operators.table(i)));
  }
  const FlatVector delegates = plan.tables(slot::kDelegates);
  for (size_t i = 0; i < delegates.size(); ++i) {
    method.backends.emplace_back(delegates.table(i).string(slot::kBackend));
  }
  std::sort(method.backends.begin(), method.backends.end());
  method.backends.erase(std::unique(method.backends.begin(), method.backends.end()),
                        method.backends.end());
  const FlatVector sizes = plan.vector(slot::kBufferSizes, 8);
  for (size_t i = 1; i < sizes.size(); ++i) {
    method.planned_bytes.push_back(
        static_cast<uint64_t>(std::max<int64_t>(0, sizes.get<int64_t>(i))));
  }
  return method;
}

}  // namespace

const MethodSummary* PteSummary::method(std::string_view name) const {
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [name](const MethodSummary& m) { return m.name == name; });
  return found == methods.end() ? nullptr : &*found;
}

std::vector<int64_t> PteSummary::int_constants(std::string_view name) const {
  std::vector<int64_t> ints;
  const MethodSummary* found = method(name);
  if (found == nullptr) return ints;
  for (const Constant& constant : found->constants) {
    if (const int64_t* number = std::get_if<int64_t>(&constant)) ints.push_back(*number);
    if (const bool* flag = std::get_if<bool>(&constant)) ints.push_back(*flag ? 1 : 0);
  }
  return ints;
}

std::vector<double> PteSummary::numbers(std::string_view name) const {
  std::vector<double> all;
  const MethodSummary* const found = method(name);
  if (found == nullptr) return all;
  for (const Constant& constant : found->constants) {
    if (const auto* real = std::get_if<double>(&constant)) all.push_back(*real);
    if (const auto* whole = std::get_if<int64_t>(&constant)) {
      all.push_back(static_cast<double>(*whole));
    }
    if (const auto* flag = std::get_if<bool>(&constant)) all.push_back(*flag ? 1 : 0);
  }
  return all;
}

std::optional<int64_t> PteSummary::int_constant(std::string_view name) const {
  const MethodSummary* found = method(name);
  const std::vector<int64_t> ints = int_constants(name);
  if (found == nullptr || found->constants.size() != 1 || ints.size() != 1) return std::nullopt;
  return ints.front();
}

std::optional<std::string> PteSummary::string_constant(std::string_view name) const {
  const MethodSummary* found = method(name);
  if (found == nullptr || found->constants.size() != 1) return std::nullopt;
  const std::string* text = std::get_if<std::string>(&found->constants.front());
  return text == nullptr ? std::nullopt : std::optional<std::string>(*text);
}

PteSummary summarize_program(Bytes program) {
  PteSummary summary;
  const FlatTable root = root_table(program);
  summary.program_bytes = program.size();
  summary.version = root.get<uint32_t>(slot::kVersion);
  const FlatVector plans = root.tables(slot::kPlans);
  size_t text_room = kMostConstantText;
  for (size_t i = 0; i < plans.size(); ++i) {
    summary.methods.push_back(summarize_method(plans.table(i), text_room));
  }
  return summary;
}

std::string operator_name(const FlatTable& op) {
  const std::string_view overload = op.string(slot::kOverload);
  const std::string_view name = op.string(slot::kOperatorName);
  return overload.empty() ? std::string(name) : concat(name, ".", overload);
}

std::optional<uint64_t> tensor_bytes(const FlatTable& tensor) {
  uint64_t bytes = scalar_bytes(static_cast<ScalarType>(tensor.get<uint8_t>(slot::kScalarType)));
  if (bytes == 0) return std::nullopt;
  const FlatVector sizes = tensor.vector(slot::kSizes, 4);
  bool zero = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int32_t size = sizes.get<int32_t>(i);
    if (size < 0) return std::nullopt;
    zero = zero || size == 0;
    // Zero sizes must not hide an overflow of the others: strides are computed from these too.
    const uint64_t factor = size == 0 ? 1 : static_cast<uint64_t>(size);
    constexpr uint64_t kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (bytes > kMost / factor) return std::nullopt;
    bytes *= factor;
  }
  return zero ? 0 : bytes;
}

}  // namespace etb::model
