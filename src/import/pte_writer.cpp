// Slots of the runtime's schema (program.fbs), table by table, top down.
#include "import/pte_writer.h"

#include <cstring>

#include "import/flat_writer.h"
#include "model/pte_header.h"

namespace etb::import {
namespace {

using W = FlatWriter;

// Union members of EValue and Instruction.
enum ValueKind : uint8_t { kNull = 1, kInt = 2, kBool = 3, kDouble = 4, kTensor = 5 };
constexpr uint8_t kKernelCall = 1;
constexpr uint64_t kDynamicBound = 1;

constexpr size_t kPrefix = model::kHeaderAt + model::kOwnHeaderLength;

class ProgramWriter {
 public:
  explicit ProgramWriter(const Program& program) : program_(program), w_(kPrefix) {}

  Result<std::vector<uint8_t>> write(const ProgramPlace& place) {
    w_.link_root(write_root());
    while (w_.bytes().size() % 16 != 0 || w_.bytes().size() < model::kSmallestPte) {
      w_.bytes().push_back(0);
    }
    ETB_RETURN_IF_ERROR(write_header(place));
    return std::move(w_.bytes());
  }

 private:
  size_t write_root() {
    const size_t root = w_.table({W::u32(0, 0), W::ref(1), W::ref(2), W::ref(3), W::ref(4),
                                  W::ref(5), W::ref(6), W::ref(7)});
    const size_t methods = w_.vector_refs(program_.methods.size());
    w_.link(root, 1, methods);
    w_.link(root, 2, w_.vector_refs(0));
    w_.link(root, 3, w_.vector_refs(0));
    w_.link(root, 6, w_.vector_refs(0));
    write_segments(root);
    for (size_t i = 0; i < program_.methods.size(); ++i) {
      w_.link_item(methods, i, write_method(program_.methods[i]));
    }
    return root;
  }

  void write_segments(size_t root) {
    const size_t segments = w_.vector_refs(program_.segments.size());
    w_.link(root, 4, segments);
    for (size_t i = 0; i < program_.segments.size(); ++i) {
      const Segment& segment = program_.segments[i];
      w_.link_item(segments, i, w_.table({W::u64(0, segment.offset), W::u64(1, segment.size)}));
    }
    const size_t constants = w_.table({W::u32(0, 0), W::ref(1)});
    w_.link(root, 5, constants);
    w_.link(constants, 1, w_.vector_u64(program_.constant_offsets));
    const size_t named = w_.vector_refs(program_.named_data.size());
    w_.link(root, 7, named);
    for (size_t i = 0; i < program_.named_data.size(); ++i) {
      const size_t entry = w_.table({W::ref(0), W::u32(1, program_.named_data[i].segment)});
      w_.link_item(named, i, entry);
      w_.link(entry, 0, w_.string(program_.named_data[i].key));
    }
  }

  size_t write_method(const Method& method) {
    const size_t plan = w_.table({W::ref(0), W::ref(1), W::ref(2), W::ref(3), W::ref(4), W::ref(5),
                                  W::ref(6), W::ref(7), W::ref(8)});
    w_.link(plan, 0, w_.string(method.name));
    const size_t container = w_.table({W::ref(0), W::ref(1)});
    w_.link(plan, 1, container);
    w_.link(container, 0, w_.string(""));
    w_.link(container, 1, w_.string(""));
    const size_t values = w_.vector_refs(method.values.size());
    w_.link(plan, 2, values);
    for (size_t i = 0; i < method.values.size(); ++i) {
      w_.link_item(values, i, write_value(method.values[i]));
    }
    w_.link(plan, 3, w_.vector_i32(method.inputs));
    w_.link(plan, 4, w_.vector_i32(method.outputs));
    const size_t chains = w_.vector_refs(1);
    w_.link(plan, 5, chains);
    w_.link_item(chains, 0, write_chain(method.calls));
    w_.link(plan, 6, write_operators(method.operators));
    w_.link(plan, 7, w_.vector_refs(0));
    std::vector<uint64_t> buffers = {0};  // entry 0 is not used by the runtime
    buffers.insert(buffers.end(), method.planned_bytes.begin(), method.planned_bytes.end());
    w_.link(plan, 8, w_.vector_u64(buffers));
    return plan;
  }

  size_t write_operators(const std::vector<Operator>& operators) {
    const size_t list = w_.vector_refs(operators.size());
    for (size_t i = 0; i < operators.size(); ++i) {
      const size_t entry = w_.table({W::ref(0), W::ref(1)});
      w_.link_item(list, i, entry);
      w_.link(entry, 0, w_.string(operators[i].name));
      w_.link(entry, 1, w_.string(operators[i].overload));
    }
    return list;
  }

  size_t write_chain(const std::vector<Call>& calls) {
    const size_t chain = w_.table({W::ref(0), W::ref(1), W::ref(2)});
    w_.link(chain, 0, w_.vector_i32({}));
    w_.link(chain, 1, w_.vector_i32({}));
    const size_t instructions = w_.vector_refs(calls.size());
    w_.link(chain, 2, instructions);
    for (size_t i = 0; i < calls.size(); ++i) {
      const size_t instruction = w_.table({W::u8(0, kKernelCall), W::ref(1)});
      w_.link_item(instructions, i, instruction);
      const size_t call =
          w_.table({W::u32(0, static_cast<uint32_t>(calls[i].operator_index)), W::ref(1)});
      w_.link(instruction, 1, call);
      w_.link(call, 1, w_.vector_i32(calls[i].arguments));
    }
    return chain;
  }

  size_t write_value(const Value& value) {
    const auto wrap = [this](ValueKind kind) { return w_.table({W::u8(0, kind), W::ref(1)}); };
    size_t at = 0;
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      at = wrap(kInt);
      w_.link(at, 1, w_.table({W::u64(0, static_cast<uint64_t>(*integer))}));
    } else if (const auto* real = std::get_if<double>(&value)) {
      uint64_t bits = 0;
      std::memcpy(&bits, real, sizeof(bits));
      at = wrap(kDouble);
      w_.link(at, 1, w_.table({W::u64(0, bits)}));
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      at = wrap(kBool);
      w_.link(at, 1, w_.table({W::u8(0, *flag ? 1 : 0)}));
    } else if (const auto* tensor = std::get_if<TensorValue>(&value)) {
      at = wrap(kTensor);
      w_.link(at, 1, write_tensor(*tensor));
    } else {
      at = wrap(kNull);
      w_.link(at, 1, w_.table({}));
    }
    return at;
  }

  size_t write_tensor(const TensorValue& t) {
    // A constant has no allocation, an input neither: an absent field means exactly that.
    const W::Field type = W::u8(0, static_cast<uint8_t>(t.type));
    const W::Field dynamism = W::u8(8, t.dynamic ? kDynamicBound : 0);
    const W::Field constant = W::u32(5, t.constant);
    const bool named = !t.name.empty();
    size_t at = 0;
    if (!t.allocation) {
      at = w_.table({type, W::u32(1, 0), W::ref(2), W::ref(3), constant, dynamism});
    } else if (!named) {
      at = w_.table({type, W::u32(1, 0), W::ref(2), W::ref(3), constant, W::ref(6), dynamism});
    } else {
      at = w_.table(
          {type, W::u32(1, 0), W::ref(2), W::ref(3), constant, W::ref(6), dynamism, W::ref(9)});
    }
    w_.link(at, 2, w_.vector_i32(t.sizes));
    std::vector<uint8_t> order(t.sizes.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint8_t>(i);
    w_.link(at, 3, w_.vector_u8(order));
    if (t.allocation) {
      const uint64_t offset = t.allocation->offset;
      w_.link(at, 6,
              w_.table({W::u32(0, t.allocation->memory_id), W::u32(1, offset & 0xffffffffu),
                        W::u32(2, offset >> 32)}));
    }
    if (t.allocation && named) {
      const size_t info = w_.table({W::u64(0, 0), W::ref(1), W::u8(2, 0)});
      w_.link(at, 9, info);
      w_.link(info, 1, w_.string(t.name));
    }
    return at;
  }

  Status write_header(const ProgramPlace& place) {
    std::vector<uint8_t>& bytes = w_.bytes();
    const uint64_t size = bytes.size();
    uint64_t base = place.segment_base;
    if (base == 0) {
      base = (size + place.headroom + place.alignment - 1) / place.alignment * place.alignment;
    }
    uint64_t data_end = 0;
    for (const Segment& segment : program_.segments) {
      data_end = std::max(data_end, segment.offset + segment.size);
    }
    const auto put = [&bytes](size_t at, const auto& value) {
      std::memcpy(bytes.data() + at, &value, sizeof(value));
    };
    std::memcpy(bytes.data() + 4, "ET12", 4);
    std::memcpy(bytes.data() + model::kHeaderAt, "eh00", 4);
    put(model::kHeaderAt + 4, model::kOwnHeaderLength);
    put(model::kHeaderAt + 8, size);
    put(model::kHeaderAt + 16, base);
    put(model::kHeaderAt + 24, data_end);
    ETB_ASSIGN_OR_RETURN(const uint64_t checksum, model::program_checksum(bytes));
    put(model::kChecksumAt, checksum);
    return {};
  }

  const Program& program_;
  FlatWriter w_;
};

}  // namespace

Result<std::vector<uint8_t>> write_program(const Program& program, const ProgramPlace& place) {
  return ProgramWriter(program).write(place);
}

}  // namespace etb::import
