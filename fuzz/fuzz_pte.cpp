// Any bytes as a .pte: opened, summarised, classified and pre-checked, as `inspect` and a load do.
// rooms: model platform base
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/capabilities.h"
#include "model/precheck.h"
#include "model/pte_file.h"
#include "require.h"

namespace {

// Whatever a file claims to hold must lie inside it.
void read_every_byte(std::span<const uint8_t> part, std::span<const uint8_t> whole) {
  require(part.empty() || (part.data() >= whole.data() &&
                           part.data() + part.size() <= whole.data() + whole.size()));
  volatile uint8_t last = part.empty() ? uint8_t{0} : part.back();
  static_cast<void>(last);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace etb::model;
  const std::span<const uint8_t> bytes(data, size);
  PrecheckLimits limits;
  limits.total_bytes = size;
  const OperatorSignature signature{"test::mix.out", "TTWIDW"};
  limits.signatures = {&signature, 1};
  const auto header = parse_header(bytes, size);
  if (header.ok()) {
    const auto program = bytes.first(static_cast<size_t>(header->program_size));
    const etb::Status status = precheck_program(program, limits);
    // What the runtime may see, we can read too, unless its checksum is wrong.
    const auto file = PteFile::parse(bytes, "input");
    require(!status.ok() || file.ok() || file.status().code() == etb::StatusCode::Corrupt);
  }
  const auto file = PteFile::parse(bytes, "input");
  if (!file.ok()) {
    require(!file.status().message().empty());
    return 0;
  }
  for (size_t i = 0; i < file->segments().size(); ++i) read_every_byte(file->segment(i), bytes);
  for (const NamedDataSummary& named : file->summary().named_data) {
    const auto part = file->named_data(named.key);
    require(part.ok());
    read_every_byte(*part, bytes);
  }
  read_every_byte(file->constant_segment(), bytes);
  const auto everything = [](std::string_view) { return true; };
  const Capabilities caps = capabilities_of(file->summary());
  require(missing_from(caps, everything, everything).none());
  return 0;
}
