// Any bytes as a .pte: opened, summarised, classified and pre-checked, as `inspect` and a load do;
// what a stock one says of its encoders, its images and its cache is read.
// rooms: model media platform base
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/recipe.h"
#include "model/capabilities.h"
#include "model/media_methods.h"
#include "model/precheck.h"
#include "model/pte_file.h"
#include "model/state_layout.h"
#include "require.h"

namespace {

// Whatever a file claims to hold must lie inside it.
void read_every_byte(std::span<const uint8_t> part, std::span<const uint8_t> whole) {
  require(part.empty() || (part.data() >= whole.data() &&
                           part.data() + part.size() <= whole.data() + whole.size()));
  volatile uint8_t last = part.empty() ? uint8_t{0} : part.back();
  static_cast<void>(last);
}

// What engine/stock_bundle.cpp and runner/kv_plan.cpp ask of a stock file.
void read_stock(const etb::model::PteFile& file, const etb::model::Capabilities& caps) {
  using namespace etb;
  const model::PteSummary& summary = file.summary();
  const auto media = model::media_methods(summary);
  require(media.ok() || !media.status().message().empty());
  media::ImageRecipe recipe;
  const auto numbers = [&summary](std::string_view name) { return summary.numbers(name); };
  const Status read = media::read_recipe(numbers, recipe);
  require(read.ok() || !read.message().empty());
  std::vector<std::string> methods;
  for (const model::TextMethod& method : caps.text_methods) methods.push_back(method.name);
  for (const model::MethodSummary& method : summary.methods) {
    require(std::ranges::is_sorted(method.external_weights));
  }
  const model::StateLayout state =
      model::state_layout(file.program(), methods, caps.context.value_or(1));
  require(state.buffers.empty() != state.opaque.empty());
  for (const model::StateBuffer& buffer : state.buffers) {
    require(buffer.positions >= caps.context.value_or(1) && buffer.groups > 0 &&
            buffer.row_bytes > 0);
  }
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
  read_stock(*file, caps);
  return 0;
}
