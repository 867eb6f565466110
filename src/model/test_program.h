// For tests: small programs built field by field, good or broken on purpose. Not the importer's
// writer, so that reader and writer are checked against each other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/precheck.h"
#include "model/pte_schema.h"

namespace etb::model::testing {

struct Node;
using NodePtr = std::shared_ptr<Node>;

struct FieldValue {
  int slot = 0;
  std::vector<uint8_t> scalar;  // or
  NodePtr child;
};

struct Node {
  enum class Kind { Table, Scalars, Tables, Text } kind = Kind::Table;
  std::vector<FieldValue> fields;  // Table
  size_t width = 1;                // Scalars
  std::vector<uint8_t> data;       // Scalars, Text
  std::vector<NodePtr> items;      // Tables
};

// Fields.
FieldValue u8(int slot, uint8_t value);
FieldValue i32(int slot, int64_t value);
FieldValue i64(int slot, int64_t value);
FieldValue f64(int slot, double value);
FieldValue sub(int slot, NodePtr child);
FieldValue text(int slot, std::string_view value);
// What fields hold.
NodePtr table(std::vector<FieldValue> fields);
NodePtr tables(std::vector<NodePtr> items);
NodePtr bytes(std::vector<uint8_t> items);
NodePtr ints(std::vector<int32_t> items);
NodePtr longs(std::vector<int64_t> items);
NodePtr doubles(std::vector<double> items);
// Replaces a field of a table, or takes it away.
void set(const NodePtr& table, FieldValue field);
void unset(const NodePtr& table, int slot);
// The child in a field; the item of a list.
NodePtr at(const NodePtr& table, int slot);
NodePtr item(const NodePtr& list, size_t index);

// Values of a method.
NodePtr value(ValueType type, std::vector<FieldValue> content);
struct TensorSpec {
  uint8_t dtype = 0;
  std::vector<int32_t> sizes;
  uint32_t buffer = 0;
  uint32_t memory_id = 0;  // 0: not planned
  uint32_t offset = 0;
  bool dynamic = false;
  std::string name;  // "": no extra information
};
NodePtr tensor(const TensorSpec& spec);
NodePtr kernel_call(int32_t op, std::vector<int32_t> arguments);
NodePtr constant_method(std::string_view name, std::vector<NodePtr> outputs);

// Where things are in the sample's list of values.
enum SampleValue : int32_t {
  kTokens,
  kPosition,
  kWeights,
  kHidden,
  kCache,
  kSeven,
  kEps,
  kLogits,
  kIntItems,
  kTensorItems,
  kMaybeItems,
  kFlag,
  kWord,
  kDoubleItems,
  kBoolItems,
  kNothing,
  kOther,
  kSampleValues,
};
// A model in the small, with every kind of value and instruction that passes: methods `forward`,
// `delegated` (whose backend nobody has), get_max_seq_len, get_eos_ids, use_kv_cache, get_scale and
// get_name; one constant segment and one named piece of data, `note`.
struct Sample {
  NodePtr program;
  NodePtr forward;
  NodePtr values() const;        // of forward
  NodePtr instructions() const;  // of forward
};
Sample sample_program();

struct WriteOptions {
  bool own_header = false;  // with a checksum
  uint64_t segment_bytes = 320;
  uint64_t segment_align = 64;
};
// The whole file: program, padding, segments (filled with their position's low byte).
std::vector<uint8_t> write_pte(const NodePtr& program, const WriteOptions& options = {});
size_t program_size(const std::vector<uint8_t>& file);

// test::mix.out reads tokens, weights, a cache and writes hidden; test::sum.out adds up lists.
extern const std::vector<OperatorSignature> kSampleSignatures;

}  // namespace etb::model::testing
