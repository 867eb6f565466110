// `etbridge inspect`: what a model file is, what it needs, and with --verify whether it is whole.
#include <cinttypes>
#include <cstdio>
#include <string>

#include "args.h"
#include "base/text.h"
#include "engine/inspect.h"
#include "interrupt.h"
#include "json.h"
#include "terminal.h"

namespace etb::cli {
namespace {

Json names_json(const std::vector<std::string>& names) {
  Json list = Json::array();
  for (const std::string& name : names) list.push(name);
  return list;
}

Json methods_json(const model::PteSummary& program) {
  Json methods = Json::array();
  for (const model::MethodSummary& method : program.methods) {
    Json item;
    item.set("name", method.name);
    item.set("instructions", method.instructions);
    item.set("operators", names_json(method.operators));
    item.set("backends", names_json(method.backends));
    uint64_t planned = 0;
    for (const uint64_t bytes : method.planned_bytes) planned += bytes;
    item.set("planned_bytes", planned);
    if (method.is_metadata()) {
      Json values = Json::array();
      for (const model::Constant& constant : method.constants) {
        std::visit(
            [&values](const auto& value) {
              using Value = std::decay_t<decltype(value)>;
              if constexpr (std::is_same_v<Value, std::string>) {
                values.push(std::string_view(value));
              } else if constexpr (std::is_same_v<Value, double>) {
                values.push(value);
              } else {
                values.push(static_cast<int64_t>(value));
              }
            },
            constant);
      }
      item.set("values", values);
    }
    methods.push(item);
  }
  return methods;
}

Json tensors_json(const InspectReport& report) {
  Json tensors = Json::array();
  for (const TensorLine& tensor : report.tensors) {
    Json item;
    item.set("name", tensor.name);
    item.set("format", tensor.format);
    item.set("rows", tensor.rows);
    item.set("cols", tensor.cols);
    item.set("bytes", tensor.bytes);
    tensors.push(item);
  }
  return tensors;
}

Json report_json(const InspectReport& report) {
  Json json;
  json.set("path", report.path);
  json.set("kind", report.kind);
  json.set("file_bytes", report.file_bytes);
  json.set("architecture", report.architecture);
  json.set("name", report.name);
  json.set("quantisation", report.quantisation);
  json.set("context_train", report.context_train);
  json.set("vocab", report.vocab);
  if (report.manifest) json.set("context", report.manifest->defaults.context);
  Json kinds;
  for (const BytesByKind& kind : report.bytes_by_kind) kinds.set(kind.kind, kind.bytes);
  json.set("bytes_by_kind", kinds);
  if (report.kv_bytes_per_token > 0) json.set("kv_bytes_per_token", report.kv_bytes_per_token);
  if (report.window > 0) {
    json.set("window", report.window);
    json.set("window_bytes_per_token", report.window_bytes_per_token);
  }
  Json memory = Json::array();
  for (const MemoryAt& at : report.memory) {
    Json item;
    item.set("context", at.context);
    item.set("kv_bytes", at.kv_bytes);
    item.set("total_bytes", at.total_bytes);
    memory.push(item);
  }
  if (!report.memory.empty()) json.set("memory", memory);
  Json abilities;
  for (const Ability& ability : report.abilities) abilities.set(ability.name, ability.there);
  if (!report.abilities.empty()) json.set("abilities", abilities);
  if (report.program) json.set("methods", methods_json(*report.program));
  json.set("tensors", tensors_json(report));
  json.set("missing", names_json(report.missing));
  return json;
}

void print_methods(const model::PteSummary& program) {
  for (const model::MethodSummary& method : program.methods) {
    if (method.is_metadata()) continue;
    std::printf("method        %s: %" PRIu64 " instructions\n", method.name.c_str(),
                method.instructions);
    std::string operators;
    for (const std::string& name : method.operators)
      operators += (operators.empty() ? "" : ", ") + name;
    if (!operators.empty()) std::printf("  operators   %s\n", operators.c_str());
    for (const std::string& name : method.backends) std::printf("  backend     %s\n", name.c_str());
  }
}

void print_memory(const InspectReport& report) {
  if (report.kv_bytes_per_token > 0) {
    std::string windows;
    if (report.window > 0) {
      windows = concat(", ", report.window_bytes_per_token, " of them in layers that see the last ",
                       report.window, " positions");
    }
    std::printf("KV cache      %" PRIu64 " bytes a token%s\n", report.kv_bytes_per_token,
                windows.c_str());
  }
  for (const MemoryAt& at : report.memory) {
    std::printf("memory        %.1f MiB at %" PRIu64 " tokens", mib(at.total_bytes), at.context);
    if (at.kv_bytes > 0) std::printf(" (of it KV cache %.1f)", mib(at.kv_bytes));
    std::puts("");
  }
}

void print_report(const InspectReport& report) {
  std::printf("file          %s (%s, %.1f MiB)\n", report.path.c_str(), report.kind.c_str(),
              mib(report.file_bytes));
  if (!report.name.empty()) std::printf("model         %s\n", report.name.c_str());
  if (!report.architecture.empty()) {
    std::printf("architecture  %s, trained for %" PRIu64 " positions, vocabulary %" PRIu64 "\n",
                report.architecture.c_str(), report.context_train, report.vocab);
  } else if (report.vocab > 0) {
    std::printf("exported for  %" PRIu64 " positions, vocabulary %" PRIu64 "\n",
                report.context_train, report.vocab);
  }
  if (!report.quantisation.empty()) std::printf("source types  %s\n", report.quantisation.c_str());
  for (const BytesByKind& kind : report.bytes_by_kind) {
    std::printf("  %-18s %6" PRIu64 " x %10.2f MiB\n", kind.kind.c_str(), kind.count,
                mib(kind.bytes));
  }
  if (report.program) print_methods(*report.program);
  print_memory(report);
  for (const Ability& ability : report.abilities) {
    std::printf("%-13s %s: %s\n", ability.name.c_str(), ability.there ? "yes" : "no",
                ability.detail.c_str());
  }
  for (const std::string& missing : report.missing)
    std::printf("missing       %s\n", missing.c_str());
}

Status verify(const InspectArgs& args, Json& json) {
  CancelToken cancel;
  const InterruptScope interrupts(&cancel);
  ETB_ASSIGN_OR_RETURN(const VerifyResult result, verify_file(args.file, progress_bar(), &cancel));
  json.set("verified_bytes", result.bytes_checked);
  json.set("damaged", names_json(result.damaged));
  if (result.damaged.empty()) {
    if (!args.common.json)
      std::printf("verified      %.1f MiB, nothing damaged\n", mib(result.bytes_checked));
    return {};
  }
  std::string names;
  for (const std::string& name : result.damaged) names += (names.empty() ? "" : ", ") + name;
  return {StatusCode::Corrupt,
          concat(args.file, " is damaged: ", names, ". Import the model again")};
}

Status inspect_checked(const InspectArgs& args) {
  ETB_ASSIGN_OR_RETURN(const InspectReport report, inspect_file(args.file));
  Json json = report_json(report);
  if (!args.common.json) print_report(report);
  const Status verified = args.verify ? verify(args, json) : Status();
  if (args.common.json) std::puts(json.dump().c_str());
  return verified;
}

}  // namespace

int inspect(const InspectArgs& args) {
  return finish(inspect_checked(args));
}

}  // namespace etb::cli
