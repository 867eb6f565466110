// `etbridge import`, `cache`, `inspect`: what concerns model files.
#include <cstdio>
#include <ctime>
#include <string>

#include "args.h"
#include "base/clock.h"
#include "base/text.h"
#include "import/cache.h"
#include "import/importer.h"
#include "interrupt.h"
#include "json.h"
#include "terminal.h"

namespace etb::cli {
namespace {

using etb::import::ImportProgress;  // clang-format takes a line that begins with "import" for a
                                    // module's

ImportProgress importing() {
  const LoadProgress bar = progress_bar();
  return [bar](uint64_t done, uint64_t total) { bar("importing", done, total); };
}

Status import_checked(const ImportArgs& args, const CancelToken& cancel) {
  const int64_t start = Clock::system().now_ns();
  ETB_ASSIGN_OR_RETURN(const import::ImportReport done,
                       import::import_gguf(args.input, args.output,
                                           {.context = args.common.context,
                                            .progress = importing(),
                                            .cancel = &cancel,
                                            .faults = {}}));
  const double ms = elapsed_ms(start, Clock::system().now_ns());
  if (!args.common.json) {
    std::printf("%s: %.1f MiB, %llu tensors, context %u, in %.0f ms\n", args.output.c_str(),
                mib(done.output_bytes), static_cast<unsigned long long>(done.tensors), done.context,
                ms);
    return {};
  }
  Json json;
  json.set("output", args.output);
  json.set("output_bytes", done.output_bytes);
  json.set("source_bytes", done.source_bytes);
  json.set("source_hash", hex(done.source_hash));
  json.set("tensors", done.tensors);
  json.set("context", done.context);
  json.set("ms", ms);
  std::puts(json.dump().c_str());
  return {};
}

std::string day_of(int64_t modified_ns) {
  const std::time_t seconds = static_cast<std::time_t>(modified_ns / 1'000'000'000);
  std::tm when = {};
  gmtime_r(&seconds, &when);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &when);
  return text;
}

std::string_view content_name(import::CacheContent content) {
  switch (content) {
    case import::CacheContent::Import:
      break;
    case import::CacheContent::PackedWeights:
      return "packed weights";
    case import::CacheContent::Tokenizer:
      return "tokenizer";
  }
  return "model";
}

Status list_checked(const CacheArgs& args) {
  ETB_ASSIGN_OR_RETURN(const auto entries, import::list_cache(""));
  if (args.common.json) {
    Json list = Json::array();
    for (const import::CacheEntry& entry : entries) {
      Json item;
      item.set("path", entry.path);
      item.set("model", entry.model);
      item.set("bytes", entry.bytes);
      item.set("current", entry.current);
      item.set("content", content_name(entry.content));
      list.push(item);
    }
    Json json;
    json.set("models", list);
    std::puts(json.dump().c_str());
    return {};
  }
  uint64_t total = 0;
  for (const import::CacheEntry& entry : entries) {
    const std::string content = entry.content == import::CacheContent::Import
                                    ? std::string()
                                    : concat(" (", content_name(entry.content), ")");
    std::printf("%10.1f MiB  %s  %s%s%s\n            %s\n", mib(entry.bytes),
                day_of(entry.modified_ns).c_str(), entry.model.c_str(), content.c_str(),
                entry.current ? "" : " (outdated)", entry.path.c_str());
    total += entry.bytes;
  }
  std::printf("%zu files, %.1f MiB\n", entries.size(), mib(total));
  return {};
}

Status clear_checked(const CacheArgs& args) {
  ETB_ASSIGN_OR_RETURN(const uint64_t freed, import::clear_cache(""));
  if (args.common.json) {
    Json json;
    json.set("freed_bytes", freed);
    std::puts(json.dump().c_str());
  } else {
    std::printf("%.1f MiB freed\n", mib(freed));
  }
  return {};
}

}  // namespace

int import_model(const ImportArgs& args) {
  CancelToken cancel;
  const InterruptScope interrupts(&cancel);
  return finish(import_checked(args, cancel));
}

int cache(const CacheArgs& args) {
  return finish(args.clear ? clear_checked(args) : list_checked(args));
}

}  // namespace etb::cli
