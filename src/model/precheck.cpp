// The program around its methods, and each method's frame; values and code have files of their own.
#include "model/precheck.h"

#include "model/precheck_parts.h"

namespace etb::model {
namespace {

using precheck::corrupt;
using precheck::in_range;
using precheck::MethodParts;
using precheck::ProgramParts;

Status check_segments(const ProgramParts& program, uint64_t total_bytes) {
  const uint64_t base = program.header.segment_base;
  const uint64_t room = base == 0 ? 0 : total_bytes - base;
  for (size_t i = 0; i < program.segments.size(); ++i) {
    const uint64_t offset = program.segments.table(i).get<uint64_t>(slot::kOffset);
    const uint64_t size = program.segments.table(i).get<uint64_t>(slot::kSize);
    // parse_header() has seen to base <= total_bytes.
    if (offset > room || size > room - offset) {
      return corrupt(concat("segment ", i, " ends beyond the file"));
    }
  }
  if (program.constant_offsets.size() > 1 && program.constant_segment >= program.segments.size()) {
    return corrupt("the segment of constants does not exist");
  }
  return {};
}

Status check_named_data(const ProgramParts& program) {
  const FlatVector named = program.root.tables(slot::kNamedData);
  for (size_t i = 0; i < named.size(); ++i) {
    const FlatTable entry = named.table(i);
    if (!entry.has(slot::kKey) ||
        entry.get<uint32_t>(slot::kNamedSegment) >= program.segments.size()) {
      return corrupt(concat("named data ", i, " lacks its name or its segment"));
    }
  }
  for (size_t i = 0; i < program.mutables.size(); ++i) {
    const FlatTable values = program.mutables.table(i);
    if (!values.has(slot::kOffsets) ||
        values.get<uint32_t>(slot::kSegmentIndex) >= program.segments.size()) {
      return corrupt(concat("initial values ", i, " lack their segment"));
    }
  }
  return {};
}

Status check_delegates(const ProgramParts& program, const FlatVector& delegates) {
  for (size_t i = 0; i < delegates.size(); ++i) {
    const FlatTable delegate = delegates.table(i);
    const FlatTable data = delegate.table(slot::kProcessed);
    const FlatVector specs = delegate.tables(slot::kSpecs);
    if (!delegate.has(slot::kBackend) || !data.exists() || !specs.exists()) {
      return corrupt(concat("delegate ", i, " lacks its name, data or options"));
    }
    const uint8_t location = data.get<uint8_t>(slot::kDataLocation);
    const uint32_t index = data.get<uint32_t>(slot::kDataIndex);
    const bool there = location == kDataSegment
                           ? index < program.segments.size()
                           : location == kDataInline && index < program.inline_data.size() &&
                                 program.inline_data.table(index).has(slot::kScalar);
    if (!there) return corrupt(concat("the data of delegate ", i, " does not exist"));
    for (size_t s = 0; s < specs.size(); ++s) {
      if (!specs.table(s).has(slot::kSpecKey) || !specs.table(s).has(slot::kSpecValue)) {
        return corrupt(concat("an option of delegate ", i, " lacks its name or value"));
      }
    }
  }
  return {};
}

Status check_planned_sizes(MethodParts& method, uint64_t most) {
  const FlatVector sizes = method.plan.vector(slot::kBufferSizes, 8);
  if (sizes.size() == 0) return corrupt("it lacks its memory plan");
  uint64_t sum = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t size = i == 0 ? 0 : sizes.get<int64_t>(i);  // the first is unused
    if (size < 0 || static_cast<uint64_t>(size) > most - sum) {
      return corrupt(concat("it plans ", size, " bytes of memory in one piece, more than the ",
                            most, " allowed in all"));
    }
    sum += static_cast<uint64_t>(size);
    method.planned.push_back(size);
  }
  const FlatVector devices = method.plan.tables(slot::kBufferDevices);
  for (size_t i = 0; i < devices.size(); ++i) {
    const FlatTable device = devices.table(i);
    if (!in_range(device.get<int32_t>(slot::kDeviceBuffer), sizes.size())) {
      return corrupt("it plans memory on a device for a buffer that does not exist");
    }
    if (device.get<uint8_t>(slot::kBufferDeviceType) != 0) {
      return Status(StatusCode::Unsupported, "it plans memory on a device other than the CPU");
    }
  }
  return {};
}

Status check_ends(MethodParts& method) {
  for (const int which : {slot::kInputs, slot::kOutputs}) {
    const std::string_view what = which == slot::kInputs ? "input" : "output";
    if (!method.plan.has(which)) return corrupt(concat("it lacks its list of ", what, "s"));
    const FlatVector ids = method.plan.vector(which, 4);
    for (size_t i = 0; i < ids.size(); ++i) {
      const int32_t id = ids.get<int32_t>(i);
      if (!in_range(id, method.known.size())) {
        return corrupt(concat(what, " ", i, " names value ", id, " of ", method.known.size()));
      }
      if (which == slot::kOutputs) continue;
      precheck::Value& value = method.known[static_cast<size_t>(id)];
      if (precheck::is_read_only(value.backing)) {  // the runtime copies inputs into such tensors
        return corrupt(concat("input ", i, " is value ", id, ", a constant tensor"));
      }
      value.is_input = true;
    }
  }
  return {};
}

Status check_method(const ProgramParts& program, MethodParts& method,
                    const PrecheckLimits& limits) {
  method.values = method.plan.tables(slot::kValues);
  if (!method.values.exists() || !method.plan.has(slot::kDelegates)) {
    return corrupt("it lacks its list of values or delegates");
  }
  ETB_RETURN_IF_ERROR(check_planned_sizes(method, limits.max_planned_bytes));
  ETB_RETURN_IF_ERROR(check_delegates(program, method.plan.tables(slot::kDelegates)));
  ETB_RETURN_IF_ERROR(precheck::check_values(program, method));
  ETB_RETURN_IF_ERROR(check_ends(method));
  return precheck::check_code(method, limits);
}

Result<ProgramParts> parts_of(Bytes bytes, uint64_t total_bytes) {
  ProgramParts program;
  ETB_ASSIGN_OR_RETURN(program.header, parse_header(bytes, total_bytes));
  if (program.header.program_size != bytes.size()) {
    return corrupt(concat("the program part has ", bytes.size(), " bytes, its header says ",
                          program.header.program_size));
  }
  ETB_RETURN_IF_ERROR(check_structure(bytes));
  program.root = root_table(bytes);
  const FlatTable constants = program.root.table(slot::kConstants);
  program.segments = program.root.tables(slot::kSegments);
  program.inline_data = program.root.tables(slot::kInlineData);
  program.constant_buffers = program.root.tables(slot::kConstantBuffers);
  program.constant_offsets = constants.vector(slot::kOffsets, 8);
  program.constant_segment = constants.get<uint32_t>(slot::kSegmentIndex);
  program.mutables = program.root.tables(slot::kMutables);
  return program;
}

}  // namespace

Status precheck_program(std::span<const uint8_t> bytes, const PrecheckLimits& limits) {
  ETB_ASSIGN_OR_RETURN(const ProgramParts program, parts_of(bytes, limits.total_bytes));
  if (program.root.get<uint32_t>(slot::kVersion) != 0) {
    return Status(StatusCode::Unsupported, "its schema version is newer than ExecuTorch 1.5");
  }
  ETB_RETURN_IF_ERROR(check_segments(program, limits.total_bytes));
  ETB_RETURN_IF_ERROR(check_named_data(program));
  const FlatVector plans = program.root.tables(slot::kPlans);
  if (plans.size() == 0) return corrupt("the program has no methods");
  for (size_t i = 0; i < plans.size(); ++i) {
    MethodParts method;
    method.plan = plans.table(i);
    method.name = method.plan.string(slot::kPlanName);
    if (!method.plan.has(slot::kPlanName)) return corrupt(concat("method ", i, " lacks its name"));
    Status status = check_method(program, method, limits);
    if (!status.ok()) return status.with_context(concat("method '", method.name, "'"));
  }
  return {};
}

}  // namespace etb::model
