// The schema as tables, and a walk along them. The schema has no cycles, so the depth is bounded.
#include "model/pte_schema.h"

#include <string>

#include "base/text.h"

namespace etb::model {
namespace {

enum class Kind : uint8_t { Scalar, String, Table, Scalars, Tables, Union };

enum class Id : uint8_t {
  Program,
  Plan,
  Container,
  EValue,
  Empty,
  Eight,
  One,
  Text,
  Eights,
  Ones,
  Fours,
  Tensor,
  Allocation,
  Extra,
  Operator,
  Call,
  TwoInts,
  OneInt,
  Instruction,
  Frame,
  FrameList,
  DataRef,
  Spec,
  Delegate,
  Chain,
  Device,
  Bytes,
  Segment,
  Subsegments,
  Named,
};

// `width`: of a scalar, or of a vector's elements. `table`: of a table, or of a vector's elements.
// `most`: elements of a vector; 0: no limit of its own. `cost`: of an element, see kMostElements.
struct Field {
  Kind kind = Kind::Scalar;
  uint8_t width = 4;
  Id table = Id::Empty;
  uint16_t most = 0;
  uint8_t cost = 1;
};

constexpr Field kByte{Kind::Scalar, 1};
constexpr Field kInt{Kind::Scalar, 4};
constexpr Field kLong{Kind::Scalar, 8};
constexpr Field kString{Kind::String};
constexpr Field kByteVector{Kind::Scalars, 1};
constexpr Field kIntVector{Kind::Scalars, 4};
constexpr Field kLongVector{Kind::Scalars, 8};
// The runtime's own limits end at 16 dims; no method has a thousand inputs. A summary makes a
// hundred bytes of each input.
constexpr Field kDims{Kind::Scalars, 4, Id::Empty, 16};
constexpr Field kDimOrder{Kind::Scalars, 1, Id::Empty, 16};
constexpr Field kEnds{Kind::Scalars, 4, Id::Empty, 4096, 64};
constexpr Field table_of(Id id) {
  return {Kind::Table, 4, id};
}
constexpr Field tables_of(Id id) {
  return {Kind::Tables, 4, id};
}

constexpr Field kProgram[] = {kInt,
                              tables_of(Id::Plan),
                              tables_of(Id::Bytes),
                              tables_of(Id::Bytes),
                              tables_of(Id::Segment),
                              table_of(Id::Subsegments),
                              tables_of(Id::Subsegments),
                              tables_of(Id::Named)};
constexpr Field kPlan[] = {
    kString,     table_of(Id::Container), tables_of(Id::EValue),   kEnds,
    kEnds,       tables_of(Id::Chain),    tables_of(Id::Operator), tables_of(Id::Delegate),
    kLongVector, tables_of(Id::Device)};
constexpr Field kTwoStrings[] = {kString, kString};
constexpr Field kUnion[] = {kByte, {Kind::Union}};
constexpr Field kEight[] = {kLong};
constexpr Field kOne[] = {kByte};
constexpr Field kText[] = {kString};
constexpr Field kEights[] = {kLongVector};
constexpr Field kOnes[] = {kByteVector};
constexpr Field kFours[] = {kIntVector};
constexpr Field kTensor[] = {kByte,
                             kInt,
                             kDims,
                             kDimOrder,
                             kByte,
                             kInt,
                             table_of(Id::Allocation),
                             kByte,
                             kByte,
                             table_of(Id::Extra)};
constexpr Field kAllocation[] = {kInt, kInt, kInt};
constexpr Field kExtra[] = {kLong, kString, kByte, kByte, kByte};
constexpr Field kCall[] = {kInt, kIntVector};
constexpr Field kTwoInts[] = {kInt, kInt};
constexpr Field kOneInt[] = {kInt};
constexpr Field kFrame[] = {kString, kInt, kString, kString};
constexpr Field kFrameList[] = {tables_of(Id::Frame)};
constexpr Field kDataRef[] = {kByte, kInt};
constexpr Field kSpec[] = {kString, kByteVector};
constexpr Field kDelegate[] = {kString, table_of(Id::DataRef), tables_of(Id::Spec)};
constexpr Field kChain[] = {kIntVector, kIntVector, tables_of(Id::Instruction),
                            tables_of(Id::FrameList)};
constexpr Field kDevice[] = {kInt, kByte, kByte};
constexpr Field kSegment[] = {kLong, kLong};
constexpr Field kSubsegments[] = {kInt, kLongVector};
constexpr Field kNamed[] = {kString, kInt};

std::span<const Field> fields_of(Id id) {
  switch (id) {
    case Id::Program:
      return kProgram;
    case Id::Plan:
      return kPlan;
    case Id::Container:
      return kTwoStrings;
    case Id::EValue:
      return kUnion;
    case Id::Empty:
      return {};
    case Id::Eight:
      return kEight;
    case Id::One:
      return kOne;
    case Id::Text:
      return kText;
    case Id::Eights:
      return kEights;
    case Id::Ones:
      return kOnes;
    case Id::Fours:
      return kFours;
    case Id::Tensor:
      return kTensor;
    case Id::Allocation:
      return kAllocation;
    case Id::Extra:
      return kExtra;
    case Id::Operator:
      return kTwoStrings;
    case Id::Call:
      return kCall;
    case Id::TwoInts:
      return kTwoInts;
    case Id::OneInt:
      return kOneInt;
    case Id::Instruction:
      return kUnion;
    case Id::Frame:
      return kFrame;
    case Id::FrameList:
      return kFrameList;
    case Id::DataRef:
      return kDataRef;
    case Id::Spec:
      return kSpec;
    case Id::Delegate:
      return kDelegate;
    case Id::Chain:
      return kChain;
    case Id::Device:
      return kDevice;
    case Id::Bytes:
      return kOnes;
    case Id::Segment:
      return kSegment;
    case Id::Subsegments:
      return kSubsegments;
    case Id::Named:
      return kNamed;
  }
  return {};
}

// By ValueType and InstructionType.
constexpr Id kValueTables[] = {Id::Empty, Id::Empty,  Id::Eight,  Id::One,  Id::Eight, Id::Tensor,
                               Id::Text,  Id::Eights, Id::Eights, Id::Ones, Id::Fours, Id::Fours};
constexpr Id kInstructionTables[] = {Id::Empty,   Id::Call,    Id::Call,
                                     Id::TwoInts, Id::TwoInts, Id::OneInt};

// The runtime's own verifier stops at a million tables too.
constexpr uint64_t kMostTables = 1'000'000;
constexpr uint64_t kMostElements = uint64_t{64} << 20;  // of vectors and strings, by their cost

class Walk {
 public:
  explicit Walk(Bytes bytes) : bytes_(bytes) {}

  Status table(Id id, uint64_t at) {
    if (++tables_ > kMostTables) return damaged("too many tables", at);
    const FlatTable table(bytes_, at);
    if (at % 4 != 0 || !table.exists()) return damaged("a table that is not inside the file", at);
    const std::span<const Field> fields = fields_of(id);
    for (size_t i = 0; i < fields.size(); ++i) {
      const uint64_t field = table.field(static_cast<int>(i));
      if (field == 0) {
        if (fields[i].kind == Kind::Union) return damaged("a value without content", at);
        continue;
      }
      ETB_RETURN_IF_ERROR(fields[i].kind == Kind::Union ? union_value(id, table, field)
                                                        : content(fields[i], field));
    }
    return {};
  }

 private:
  Status damaged(std::string_view what, uint64_t at) const {
    return Status(StatusCode::Corrupt, concat("the program part is damaged: ", what, " (at byte ",
                                              at, "); get the file again"));
  }

  Status content(const Field& field, uint64_t at) {
    if (field.kind == Kind::Scalar) {
      const bool fits =
          at % field.width == 0 && at <= bytes_.size() && bytes_.size() - at >= field.width;
      return fits ? Status() : damaged("a number that is not inside the file", at);
    }
    uint64_t target = 0;
    ETB_RETURN_IF_ERROR(follow(at, target));
    switch (field.kind) {
      case Kind::Table:
        return table(field.table, target);
      case Kind::String:
        return string(target);
      case Kind::Scalars:
        return vector(field, target);
      case Kind::Tables:
        return tables(field.table, target);
      default:
        return damaged("a value of unknown kind", at);
    }
  }

  Status follow(uint64_t at, uint64_t& target) const {
    uint32_t offset = 0;
    constexpr uint32_t kLargest = 0x7fffffff;
    if (at % 4 != 0 || !read_scalar(bytes_, at, offset) || offset == 0 || offset > kLargest) {
      return damaged("an offset that leads nowhere", at);
    }
    target = at + offset;
    return {};
  }

  Status count(uint64_t elements, uint64_t at) {
    elements_ += elements;
    return elements_ > kMostElements ? damaged("too many elements", at) : Status();
  }

  Status vector(const Field& field, uint64_t at) {
    const size_t width = field.width;
    const FlatVector vector(bytes_, at, width);
    const size_t align = width < 4 ? 4 : width;  // of the length and of the elements behind it
    const bool aligned = at % 4 == 0 && (at + 4) % align == 0;
    if (!aligned || !vector.exists()) return damaged("a list that is not inside the file", at);
    if (field.most != 0 && vector.size() > field.most) {
      return damaged(concat("a list of ", vector.size(), " where at most ", field.most, " can be"),
                     at);
    }
    return width == 1 ? Status() : count(uint64_t{field.cost} * vector.size(), at);
  }

  Status string(uint64_t at) {
    const FlatVector text(bytes_, at, 1);
    uint8_t end = 1;
    const bool whole =
        at % 4 == 0 && text.exists() && read_scalar(bytes_, at + 4 + text.size(), end) && end == 0;
    return whole ? count(text.size(), at) : damaged("a text that is not inside the file", at);
  }

  Status tables(Id id, uint64_t at) {
    ETB_RETURN_IF_ERROR(vector(kIntVector, at));
    const FlatVector vector(bytes_, at, 4);
    for (size_t i = 0; i < vector.size(); ++i) {
      uint64_t target = 0;
      ETB_RETURN_IF_ERROR(follow(at + 4 + uint64_t{4} * i, target));
      ETB_RETURN_IF_ERROR(table(id, target));
    }
    return {};
  }

  Status union_value(Id id, const FlatTable& owner, uint64_t at) {
    const uint8_t type = owner.get<uint8_t>(slot::kType);
    const std::span<const Id> known = id == Id::EValue ? std::span<const Id>(kValueTables)
                                                       : std::span<const Id>(kInstructionTables);
    if (type == 0 || type >= known.size()) {
      return Status(StatusCode::Unsupported,
                    concat("the program has ", id == Id::EValue ? "a value" : "an instruction",
                           " of unknown type ", static_cast<unsigned>(type),
                           ": it is damaged or newer than ExecuTorch 1.5"));
    }
    uint64_t target = 0;
    ETB_RETURN_IF_ERROR(follow(at, target));
    return table(known[type], target);
  }

  Bytes bytes_;
  uint64_t tables_ = 0;
  uint64_t elements_ = 0;
};

uint64_t root_position(Bytes program) {
  uint32_t root = 0;
  return read_scalar(program, 0, root) ? root : 0;
}

}  // namespace

FlatTable root_table(Bytes program) {
  return FlatTable(program, root_position(program));
}

Status check_structure(Bytes program) {
  constexpr size_t kLargest = 0x7fffffff;  // FlatBuffers' own limit
  if (program.size() > kLargest) {
    return Status(StatusCode::Corrupt, "the program part is larger than 2 GiB");
  }
  return Walk(program).table(Id::Program, root_position(program));
}

}  // namespace etb::model
