// The command line as plain data: one struct a verb. args.cpp alone knows the parser library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace etb::cli {

struct CommonArgs {
  unsigned threads = 0;  // 0: the machine's performance cores
  uint32_t context = 0;  // 0: the file's default
  std::string kv = "f16";
  std::string tokenizer;                     // a stock .pte's; empty: beside it
  std::vector<std::string> data;             // .ptd files of a stock .pte; empty: beside it
  std::vector<std::string> backend_options;  // "NAME.KEY=VALUE"
  std::string now;                           // ISO time that pins strftime_now; empty: the clock
  bool json = false;
};

struct SamplingArgs {
  double temp = 0;
  int top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  double typical = 1.0;
  double repeat_penalty = 1.0;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  double dry = 0;
  std::vector<std::string> logit_bias;  // "ID=BIAS"
  std::optional<uint64_t> seed;         // absent: drawn anew
  std::vector<std::string> stops;
  int logprobs = 0;
};

// What `chat` and `run` share.
struct TalkArgs {
  CommonArgs common;
  SamplingArgs sampling;
  std::string model, system;
  int max_tokens = -1;
  std::string history = "window";  // parse_history() of setup.h
  bool no_lookup = false;
  std::string think = "auto";  // on, off: what templates that can do either are told
  std::string tools;           // a file; empty: none
  std::string chat_template;   // a built-in one's name, or a file; empty: the model's own
};

struct ChatArgs {
  TalkArgs talk;
  bool commands = false;  // also in lines of a pipe
};
struct RunArgs {
  TalkArgs talk;
  std::optional<std::string> prompt, file, messages, session;
  std::vector<std::string> images;
  bool raw = false, ignore_eos = false;
};
struct ImportArgs {
  CommonArgs common;
  std::string input, output;
};
struct InspectArgs {
  CommonArgs common;
  std::string file;
  bool verify = false;
};
struct CacheArgs {
  CommonArgs common;
  bool clear = false;
};
struct TokenizeArgs {
  std::string model;
  bool special = false;
};
struct DetokenizeArgs {
  std::string model;
};
struct RenderArgs {
  CommonArgs common;
  std::string model, chat_template;  // one of them may be empty
};
struct PerplexityArgs {
  CommonArgs common;
  std::string model, file, ids, logprobs;
  uint32_t window = 512;
  int top = 64;
};
struct BenchArgs {
  CommonArgs common;
  std::string model;
  std::vector<uint32_t> prompts = {128, 512};
  std::vector<uint32_t> generate = {64};
  std::vector<uint32_t> depths = {0};
  std::vector<unsigned> threads;
  int repeats = 5;
};
struct DoctorArgs {
  CommonArgs common;
};

using Invocation = std::variant<ChatArgs, RunArgs, ImportArgs, InspectArgs, CacheArgs, TokenizeArgs,
                                DetokenizeArgs, RenderArgs, PerplexityArgs, BenchArgs, DoctorArgs>;

struct ParsedArgs {
  std::optional<Invocation> invocation;  // absent: help, version or a usage error was printed
  int exit_code = 0;                     // then: 0, or 2 for a usage error
};

ParsedArgs parse_args(int argc, char** argv);

// The verbs; each returns the exit code (0 ok, 1 failed, 130 interrupted).
int chat(const ChatArgs& args);
int run(const RunArgs& args);
int import_model(const ImportArgs& args);
int inspect(const InspectArgs& args);
int cache(const CacheArgs& args);
int tokenize(const TokenizeArgs& args);
int detokenize(const DetokenizeArgs& args);
int render(const RenderArgs& args);
int perplexity(const PerplexityArgs& args);
int bench(const BenchArgs& args);
int doctor(const DoctorArgs& args);

}  // namespace etb::cli
