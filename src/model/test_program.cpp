// Written top-down, parents before children, so that every offset points forwards.
#include "model/test_program.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "model/pte_header.h"

namespace etb::model::testing {
namespace {

template <class T>
std::vector<uint8_t> raw(const T* items, size_t count) {
  std::vector<uint8_t> out(count * sizeof(T));
  if (count > 0) std::memcpy(out.data(), items, out.size());
  return out;
}

template <class T>
FieldValue scalar(int slot, T value) {
  return {slot, raw(&value, 1), nullptr};
}

NodePtr scalars(std::vector<uint8_t> data, size_t width) {
  auto node = std::make_shared<Node>();
  node->kind = Node::Kind::Scalars;
  node->width = width;
  node->data = std::move(data);
  return node;
}

class Writer {
 public:
  std::vector<uint8_t> out;

  template <class T>
  void put(size_t at, T value) {
    std::memcpy(out.data() + at, &value, sizeof value);
  }

  size_t place(const NodePtr& node) {
    switch (node->kind) {
      case Node::Kind::Table:
        return place_table(*node);
      case Node::Kind::Tables:
        return place_tables(*node);
      case Node::Kind::Scalars:
        return place_scalars(*node, false);
      case Node::Kind::Text:
        return place_scalars(*node, true);
    }
    return 0;
  }

 private:
  // Grows to a position p with (p + ahead) % align == 0 and returns it.
  size_t align(size_t to, size_t ahead = 0) {
    while ((out.size() + ahead) % to != 0) out.push_back(0);
    return out.size();
  }

  size_t place_table(const Node& node) {
    int slots = 0;
    for (const FieldValue& field : node.fields) slots = std::max(slots, field.slot + 1);
    const size_t vtable_size = 4 + 2 * static_cast<size_t>(slots);
    const size_t vtable = align(2);
    out.resize(vtable + vtable_size);
    const size_t start = align(8);
    std::vector<size_t> places;
    out.resize(start + 4);
    for (const FieldValue& field : node.fields) {
      const size_t width = field.child ? 4 : field.scalar.size();
      places.push_back(align(width));
      out.resize(places.back() + width);
      if (!field.child) std::copy(field.scalar.begin(), field.scalar.end(), &out[places.back()]);
      put<uint16_t>(vtable + 4 + 2 * static_cast<size_t>(field.slot),
                    static_cast<uint16_t>(places.back() - start));
    }
    put<uint16_t>(vtable, static_cast<uint16_t>(vtable_size));
    put<uint16_t>(vtable + 2, static_cast<uint16_t>(out.size() - start));
    put<int32_t>(start, static_cast<int32_t>(start - vtable));
    for (size_t i = 0; i < node.fields.size(); ++i) {
      if (node.fields[i].child) link(places[i], node.fields[i].child);
    }
    return start;
  }

  void link(size_t from, const NodePtr& child) {
    const size_t target = place(child);
    put<uint32_t>(from, static_cast<uint32_t>(target - from));
  }

  size_t place_tables(const Node& node) {
    const size_t start = align(4);
    out.resize(start + 4 + 4 * node.items.size());
    put<uint32_t>(start, static_cast<uint32_t>(node.items.size()));
    for (size_t i = 0; i < node.items.size(); ++i) link(start + 4 + 4 * i, node.items[i]);
    return start;
  }

  size_t place_scalars(const Node& node, bool is_text) {
    const size_t start = align(std::max<size_t>(4, node.width), 4);
    out.resize(start + 4);
    put<uint32_t>(start, static_cast<uint32_t>(node.data.size() / node.width));
    out.insert(out.end(), node.data.begin(), node.data.end());
    if (is_text) out.push_back(0);
    return start;
  }
};

NodePtr list_value(ValueType type, NodePtr items) {
  return value(type, {sub(slot::kScalar, std::move(items))});
}

NodePtr int_value(int64_t number) {
  return value(ValueType::Int, {i64(slot::kScalar, number)});
}

NodePtr operator_table(std::string_view name, std::string_view overload) {
  return table({text(slot::kOperatorName, name), text(slot::kOverload, overload)});
}

NodePtr instruction(InstructionType type, std::vector<FieldValue> content) {
  return table(
      {u8(slot::kType, static_cast<uint8_t>(type)), sub(slot::kValue, table(std::move(content)))});
}

std::vector<NodePtr> sample_values() {
  constexpr uint8_t kByte = 0, kLong = 4, kFloat = 6;
  std::vector<NodePtr> values(kSampleValues);
  values[kTokens] = tensor({.dtype = kLong, .sizes = {1, 4}, .dynamic = true, .name = ""});
  values[kPosition] = tensor({.dtype = kLong, .sizes = {1}, .name = ""});
  values[kWeights] = tensor({.dtype = kByte, .sizes = {64}, .buffer = 1, .name = ""});
  values[kHidden] = tensor({.dtype = kFloat, .sizes = {1, 8}, .memory_id = 1, .name = ""});
  values[kCache] = tensor({.dtype = kByte, .sizes = {256}, .memory_id = 2, .name = "kv.0"});
  values[kLogits] =
      tensor({.dtype = kFloat, .sizes = {1, 8}, .memory_id = 1, .offset = 64, .name = ""});
  values[kSeven] = int_value(7);
  values[kEps] = value(ValueType::Double, {f64(slot::kScalar, 1e-5)});
  values[kIntItems] = list_value(ValueType::IntList, longs({kSeven, kOther}));
  values[kTensorItems] = list_value(ValueType::TensorList, ints({kHidden, kWeights}));
  values[kMaybeItems] = list_value(ValueType::OptionalTensorList, ints({-1, kHidden}));
  values[kFlag] = value(ValueType::Bool, {u8(slot::kScalar, 1)});
  values[kWord] = value(ValueType::String, {text(slot::kScalar, "silu")});
  values[kDoubleItems] = list_value(ValueType::DoubleList, doubles({0.5, 2.0}));
  values[kBoolItems] = list_value(ValueType::BoolList, bytes({1, 0}));
  values[kNothing] = value(ValueType::Null, {});
  values[kOther] = int_value(3);
  return values;
}

NodePtr sample_chain() {
  return table({sub(slot::kInstructions,
                    tables({kernel_call(0, {kTokens, kWeights, kCache, kSeven, kEps, kHidden}),
                            instruction(InstructionType::JumpFalse,
                                        {i32(slot::kCondition, kFlag), i32(slot::kDestination, 3)}),
                            instruction(InstructionType::Move,
                                        {i32(slot::kFrom, kSeven), i32(slot::kTo, kOther)}),
                            kernel_call(1, {kTensorItems, kMaybeItems, kIntItems, kDoubleItems,
                                            kBoolItems, kWord, kNothing, kLogits, kLogits})}))});
}

NodePtr sample_delegated() {
  const NodePtr call = instruction(InstructionType::Delegate,
                                   {i32(slot::kCallee, 0), sub(slot::kArgs, ints({0, 1}))});
  const NodePtr spec = table({text(slot::kSpecKey, "mode"), sub(slot::kSpecValue, bytes({1, 2}))});
  const NodePtr delegate =
      table({text(slot::kBackend, "AbsentBackend"),
             sub(slot::kProcessed,
                 table({u8(slot::kDataLocation, kDataSegment), i32(slot::kDataIndex, 1)})),
             sub(slot::kSpecs, tables({spec}))});
  return table(
      {text(slot::kPlanName, "delegated"),
       sub(slot::kValues, tables({tensor({.dtype = 6, .sizes = {2}, .name = ""}),
                                  tensor({.dtype = 6, .sizes = {2}, .memory_id = 1, .name = ""})})),
       sub(slot::kInputs, ints({0})), sub(slot::kOutputs, ints({1})),
       sub(slot::kChains, tables({table({sub(slot::kInstructions, tables({call}))})})),
       sub(slot::kOperators, tables({})), sub(slot::kDelegates, tables({delegate})),
       sub(slot::kBufferSizes, longs({0, 16}))});
}

}  // namespace

FieldValue u8(int slot, uint8_t value) {
  return scalar(slot, value);
}
FieldValue i32(int slot, int64_t value) {
  return scalar(slot, static_cast<int32_t>(value));
}
FieldValue i64(int slot, int64_t value) {
  return scalar(slot, value);
}
FieldValue f64(int slot, double value) {
  return scalar(slot, value);
}
FieldValue sub(int slot, NodePtr child) {
  return {slot, {}, std::move(child)};
}
FieldValue text(int slot, std::string_view value) {
  auto node = std::make_shared<Node>();
  node->kind = Node::Kind::Text;
  node->data.assign(value.begin(), value.end());
  return sub(slot, node);
}

NodePtr table(std::vector<FieldValue> fields) {
  auto node = std::make_shared<Node>();
  node->fields = std::move(fields);
  return node;
}
NodePtr tables(std::vector<NodePtr> items) {
  auto node = std::make_shared<Node>();
  node->kind = Node::Kind::Tables;
  node->items = std::move(items);
  return node;
}
NodePtr bytes(std::vector<uint8_t> items) {
  return scalars(std::move(items), 1);
}
NodePtr ints(std::vector<int32_t> items) {
  return scalars(raw(items.data(), items.size()), 4);
}
NodePtr longs(std::vector<int64_t> items) {
  return scalars(raw(items.data(), items.size()), 8);
}
NodePtr doubles(std::vector<double> items) {
  return scalars(raw(items.data(), items.size()), 8);
}

void unset(const NodePtr& table, int slot) {
  std::erase_if(table->fields, [slot](const FieldValue& field) { return field.slot == slot; });
}
void set(const NodePtr& table, FieldValue field) {
  unset(table, field.slot);
  table->fields.push_back(std::move(field));
}
NodePtr at(const NodePtr& table, int slot) {
  for (const FieldValue& field : table->fields) {
    if (field.slot == slot) return field.child;
  }
  return nullptr;
}
NodePtr item(const NodePtr& list, size_t index) {
  return list->items.at(index);
}

NodePtr value(ValueType type, std::vector<FieldValue> content) {
  return table(
      {u8(slot::kType, static_cast<uint8_t>(type)), sub(slot::kValue, table(std::move(content)))});
}

NodePtr tensor(const TensorSpec& spec) {
  std::vector<uint8_t> order(spec.sizes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint8_t>(i);
  std::vector<FieldValue> fields = {
      u8(slot::kScalarType, spec.dtype), sub(slot::kSizes, ints(spec.sizes)),
      sub(slot::kDimOrder, bytes(order)), u8(slot::kDynamism, spec.dynamic ? 1 : 0)};
  if (spec.buffer != 0) fields.push_back(i32(slot::kBufferIndex, spec.buffer));
  if (spec.memory_id != 0) {
    fields.push_back(sub(slot::kAllocation, table({i32(slot::kMemoryId, spec.memory_id),
                                                   i32(slot::kOffsetLow, spec.offset)})));
  }
  if (!spec.name.empty()) {
    fields.push_back(sub(slot::kExtra, table({text(slot::kQualifiedName, spec.name)})));
  }
  return value(ValueType::Tensor, std::move(fields));
}

NodePtr kernel_call(int32_t op, std::vector<int32_t> arguments) {
  return instruction(InstructionType::Kernel,
                     {i32(slot::kCallee, op), sub(slot::kArgs, ints(std::move(arguments)))});
}

NodePtr constant_method(std::string_view name, std::vector<NodePtr> outputs) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < outputs.size(); ++i) ids.push_back(static_cast<int32_t>(i));
  return table({text(slot::kPlanName, name), sub(slot::kValues, tables(std::move(outputs))),
                sub(slot::kInputs, ints({})), sub(slot::kOutputs, ints(ids)),
                sub(slot::kChains, tables({table({sub(slot::kInstructions, tables({}))})})),
                sub(slot::kOperators, tables({})), sub(slot::kDelegates, tables({})),
                sub(slot::kBufferSizes, longs({0}))});
}

NodePtr Sample::values() const {
  return at(forward, slot::kValues);
}
NodePtr Sample::instructions() const {
  return at(item(at(forward, slot::kChains), 0), slot::kInstructions);
}

Sample sample_program() {
  Sample sample;
  sample.forward =
      table({text(slot::kPlanName, "forward"), sub(slot::kValues, tables(sample_values())),
             sub(slot::kInputs, ints({kTokens, kPosition})), sub(slot::kOutputs, ints({kLogits})),
             sub(slot::kChains, tables({sample_chain()})),
             sub(slot::kOperators,
                 tables({operator_table("test::mix", "out"), operator_table("test::sum", "out")})),
             sub(slot::kDelegates, tables({})), sub(slot::kBufferSizes, longs({0, 96, 256}))});
  const NodePtr constants =
      table({i32(slot::kSegmentIndex, 0), sub(slot::kOffsets, longs({0, 64, 128}))});
  const NodePtr segments = tables({table({i64(slot::kOffset, 0), i64(slot::kSize, 256)}),
                                   table({i64(slot::kOffset, 256), i64(slot::kSize, 64)})});
  const NodePtr note = table({text(slot::kKey, "note"), i32(slot::kNamedSegment, 1)});
  const NodePtr scale = value(ValueType::Double, {f64(slot::kScalar, 0.125)});
  const NodePtr name = value(ValueType::String, {text(slot::kScalar, "sample")});
  const NodePtr yes = value(ValueType::Bool, {u8(slot::kScalar, 1)});
  sample.program =
      table({sub(slot::kPlans, tables({sample.forward, sample_delegated(),
                                       constant_method("get_max_seq_len", {int_value(128)}),
                                       constant_method("get_eos_ids", {int_value(2), int_value(7)}),
                                       constant_method("use_kv_cache", {yes}),
                                       constant_method("get_scale", {scale}),
                                       constant_method("get_name", {name})})),
             sub(slot::kSegments, segments), sub(slot::kConstants, constants),
             sub(slot::kNamedData, tables({note}))});
  return sample;
}

std::vector<uint8_t> write_pte(const NodePtr& program, const WriteOptions& options) {
  Writer writer;
  const uint32_t length = options.own_header ? kOwnHeaderLength : kRuntimeHeaderLength;
  writer.out.assign(48, 0);
  std::memcpy(writer.out.data() + 4, "ET12eh00", 8);
  writer.put<uint32_t>(12, length);
  const size_t root = writer.place(program);
  writer.put<uint32_t>(0, static_cast<uint32_t>(root));
  while (writer.out.size() % 16 != 0) writer.out.push_back(0);
  const uint64_t size = writer.out.size();
  const uint64_t align = options.segment_align;
  const uint64_t base = options.segment_bytes == 0 ? 0 : (size + align - 1) / align * align;
  writer.put<uint64_t>(16, size);
  writer.put<uint64_t>(24, base);
  writer.put<uint64_t>(32, options.segment_bytes);
  if (options.own_header) {
    writer.put<uint64_t>(kChecksumAt, program_checksum(writer.out).value());
  }
  if (base != 0) writer.out.resize(base, 0);
  for (uint64_t i = 0; i < options.segment_bytes; ++i) {
    writer.out.push_back(static_cast<uint8_t>(i));
  }
  return std::move(writer.out);
}

size_t program_size(const std::vector<uint8_t>& file) {
  uint64_t size = 0;
  std::memcpy(&size, file.data() + 16, sizeof size);
  return static_cast<size_t>(size);
}

const std::vector<OperatorSignature> kSampleSignatures = {{"test::mix.out", "TCWIDW"},
                                                          {"test::sum.out", "AALAASAW"}};

}  // namespace etb::model::testing
