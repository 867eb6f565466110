// Parsing of the identifier and the extended header.
#include "model/pte_header.h"

#include <string_view>

#include "base/text.h"
#include "model/flat_reader.h"
#include "model/stream_hash.h"

namespace etb::model {
namespace {

Status corrupt(std::string message) {
  return Status(StatusCode::Corrupt, std::move(message));
}

std::string_view four_bytes(Bytes bytes, size_t at) {
  return {reinterpret_cast<const char*>(bytes.data()) + at, 4};
}

Status check_identifier(Bytes head, uint64_t total_bytes) {
  if (total_bytes < kSmallestPte || head.size() < kSmallestPte) {
    return corrupt(concat("only ", total_bytes, " bytes: a .pte has at least ", kSmallestPte,
                          "; get the file again"));
  }
  const std::string_view identifier = four_bytes(head, 4);
  if (identifier == "ET12") return {};
  if (looks_like_pte(head)) {
    return Status(StatusCode::Unsupported,
                  "a .pte of another format version than ET12; export it with ExecuTorch 1.5");
  }
  if (four_bytes(head, 0) == "GGUF") {
    return corrupt("a GGUF file, not a .pte; name it .gguf or import it");
  }
  if (identifier == "FT01") {
    return {StatusCode::InvalidArgument,
            "this is a .ptd, weights alone: give the .pte that they belong to"};
  }
  return corrupt("no .pte: the identifier ET12 is missing; check which file this is");
}

}  // namespace

bool looks_like_pte(std::span<const uint8_t> head) {
  return head.size() >= 6 && head[4] == 'E' && head[5] == 'T';
}

Result<PteHeader> parse_header(std::span<const uint8_t> head, uint64_t total_bytes) {
  ETB_RETURN_IF_ERROR(check_identifier(head, total_bytes));
  PteHeader header;
  if (four_bytes(head, kHeaderAt) != "eh00") {
    header.program_size = total_bytes;
    return header;
  }
  read_scalar(head, kHeaderAt + 4, header.length);
  read_scalar(head, kHeaderAt + 8, header.program_size);
  read_scalar(head, kHeaderAt + 16, header.segment_base);
  constexpr uint32_t kSmallest = 24;
  constexpr uint32_t kLargest = 4096;  // far above what anybody writes
  if (header.length < kSmallest || header.length > kLargest) {
    return corrupt(concat("a header of ", header.length, " bytes cannot be; get the file again"));
  }
  if (header.length >= kRuntimeHeaderLength) {
    read_scalar(head, kHeaderAt + 24, header.segment_data_size);
  }
  if (header.length >= kOwnHeaderLength) {
    uint64_t checksum = 0;
    read_scalar(head, kChecksumAt, checksum);
    header.checksum = checksum;
  }
  if (header.program_size < kSmallestPte || header.program_size > total_bytes) {
    return corrupt(concat("the program needs ", header.program_size, " bytes and the file has ",
                          total_bytes, ": it is cut short; get the file again"));
  }
  if (header.segment_base == 0) return header;
  if (header.segment_base < header.program_size || header.segment_base > total_bytes ||
      header.segment_data_size > total_bytes - header.segment_base) {
    return corrupt(concat("segments of ", header.segment_data_size, " bytes from ",
                          header.segment_base, " do not fit into the file's ", total_bytes,
                          ": it is cut short or damaged; get it again"));
  }
  return header;
}

Result<uint64_t> program_checksum(std::span<const uint8_t> program) {
  constexpr uint8_t kZeros[8] = {};
  ETB_ASSIGN_OR_RETURN(StreamHash hash, StreamHash::create());
  hash.add(program.first(kChecksumAt));
  hash.add(kZeros);
  hash.add(program.subspan(kChecksumAt + sizeof kZeros));
  return hash.value();
}

}  // namespace etb::model
