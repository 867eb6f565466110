// etbridge: the command line. Arguments become plain data (args.h), each verb is a file beside
// this.
#include <cstdio>
#include <exception>
#include <iostream>

#include "args.h"
#include "base/log.h"
#include "terminal.h"

namespace {

using namespace etb::cli;

struct Dispatch {
  int operator()(const ChatArgs& args) const { return chat(args); }
  int operator()(const RunArgs& args) const { return run(args); }
  int operator()(const ImportArgs& args) const { return import_model(args); }
  int operator()(const InspectArgs& args) const { return inspect(args); }
  int operator()(const CacheArgs& args) const { return cache(args); }
  int operator()(const TokenizeArgs& args) const { return tokenize(args); }
  int operator()(const DetokenizeArgs& args) const { return detokenize(args); }
  int operator()(const RenderArgs& args) const { return render(args); }
  int operator()(const PerplexityArgs& args) const { return perplexity(args); }
  int operator()(const BenchArgs& args) const { return bench(args); }
  int operator()(const DoctorArgs& args) const { return doctor(args); }
};

// Warnings and errors of the library go to stderr; the rest is for debuggers.
void log_to_stderr(void*, etb::LogLevel level, std::string_view message) {
  if (level < etb::LogLevel::Warning) return;
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
}

// False if what was printed did not arrive: a full disk, a reader that went away.
bool all_written() {
  std::cout.flush();
  if (std::cout && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  report({etb::StatusCode::Internal,
          "cannot write standard output: disk full, or its reader went away"});
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  etb::set_log_sink(log_to_stderr, nullptr);
  try {
    const ParsedArgs parsed = parse_args(argc, argv);
    const int code =
        parsed.invocation ? std::visit(Dispatch{}, *parsed.invocation) : parsed.exit_code;
    return all_written() ? code : (code != 0 ? code : 1);
  } catch (
      const std::exception& error) {  // out of memory, above all: nothing else throws up to here
    report({etb::StatusCode::Internal, error.what()});
    return 1;
  }
}
