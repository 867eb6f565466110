// Any bytes as a session file: opened as they are, and once more with their checksums made right,
// so that what lies behind them is reached. What opens must hold what it says it holds.
// rooms: kv model platform base
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kv/session_file.h"
#include "require.h"

namespace {

constexpr size_t kHeadChecksumAt = 16;
constexpr size_t kCheckedFrom = 24;
constexpr size_t kRowsOffsetAt = 72;
constexpr size_t kRowsChecksumAt = 88;
constexpr size_t kHeader = 96;

void seal(std::vector<uint8_t>& bytes) {
  uint64_t rows = 0;
  std::memcpy(&rows, bytes.data() + kRowsOffsetAt, sizeof(rows));
  if (rows < kHeader || rows > bytes.size()) return;
  const uint64_t of_rows = XXH3_64bits(bytes.data() + rows, bytes.size() - rows);
  std::memcpy(bytes.data() + kRowsChecksumAt, &of_rows, sizeof(of_rows));
  const uint64_t of_head = XXH3_64bits(bytes.data() + kCheckedFrom, rows - kCheckedFrom);
  std::memcpy(bytes.data() + kHeadChecksumAt, &of_head, sizeof(of_head));
}

void look_at_everything(std::span<const uint8_t> bytes) {
  using namespace etb::kv;
  const auto file = SessionFile::parse(bytes, "input");
  if (!file.ok()) {
    require(!file.status().message().empty());
    return;
  }
  require(file->check_model(file->model()).ok());
  const auto payload = file->payload();
  require(payload.empty() || (payload.data() >= bytes.data() &&
                              payload.data() + payload.size() <= bytes.data() + bytes.size()));
  require(file->ids().size() == file->to());
  const auto rows = file->rows();
  if (!rows.ok()) return;
  require(check_rows(*rows, file->model()).ok());
  const RowLayout& layout = file->model().layout;
  const uint32_t middle = rows->from + (rows->to - rows->from) / 2;
  const RowsView first = slice(*rows, rows->from, middle, layout);
  const RowsView second = slice(*rows, middle, rows->to, layout);
  require(check_rows(first, file->model()).ok() && check_rows(second, file->model()).ok());
  require(first.bytes.size() + second.bytes.size() == rows->bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  look_at_everything({data, size});
  if (size < kHeader) return 0;
  std::vector<uint8_t> sealed(data, data + size);
  seal(sealed);
  look_at_everything(sealed);
  return 0;
}
