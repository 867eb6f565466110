#include "setup.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include "base/text.h"
#include "engine/text_tools.h"
#include "json.h"
#include "terminal.h"

namespace etb::cli {
Result<std::pair<TokenId, float>> parse_bias(const std::string& text) {
  const size_t equals = text.find('=');
  TokenId id = 0;
  const char* begin = text.data();
  if (equals != std::string::npos) {
    const auto [end, error] = std::from_chars(begin, begin + equals, id);
    char* rest = nullptr;
    const float bias = std::strtof(text.c_str() + equals + 1, &rest);
    const bool whole = error == std::errc() && end == begin + equals &&
                       rest == begin + text.size() && equals + 1 < text.size() && !std::isnan(bias);
    if (whole) return std::pair(id, bias);
  }
  return Status(StatusCode::InvalidArgument,
                concat("'", text, "' is not of the form ID=BIAS, e.g. 42=-5"));
}

Result<runner::BackendOption> parse_backend_option(const std::string& text) {
  const size_t equals = text.find('=');
  const size_t dot = text.substr(0, equals).find('.');
  const bool whole = equals != std::string::npos && dot != std::string::npos;
  if (whole && dot > 0 && dot + 1 < equals) {
    return runner::BackendOption{text.substr(0, dot), text.substr(dot + 1, equals - dot - 1),
                                 text.substr(equals + 1)};
  }
  return Status(StatusCode::InvalidArgument, concat("'", text,
                                                    "' is not of the form NAME.KEY=VALUE, e.g. "
                                                    "XnnpackBackend.workspace_sharing_mode=1"));
}

std::vector<runner::BackendOption> backend_options(const CommonArgs& args) {
  std::vector<runner::BackendOption> options;
  for (const std::string& text : args.backend_options) {
    // args.cpp lets through only what parses.
    if (auto option = parse_backend_option(text); option.ok()) options.push_back(*option);
  }
  return options;
}

ModelOptions model_options(const std::string& model, const CommonArgs& args) {
  return {.model = model,
          .context = args.context,
          .threads = args.threads,
          .tokenizer = args.tokenizer,
          .data = args.data,
          .backend_options = backend_options(args)};
}

Result<GenerateOptions> generate_options(const TalkArgs& talk) {
  const SamplingArgs& args = talk.sampling;
  GenerateOptions options;
  options.max_tokens = talk.max_tokens;
  options.lookup = !talk.no_lookup;
  options.stops = args.stops;
  options.logprobs = args.logprobs;
  runner::SamplerOptions& sampler = options.sampler;
  sampler.temperature = static_cast<float>(args.temp);
  sampler.top_k = static_cast<uint32_t>(args.top_k);
  sampler.top_p = static_cast<float>(args.top_p);
  sampler.min_p = static_cast<float>(args.min_p);
  sampler.typical = static_cast<float>(args.typical);
  sampler.repeat_penalty = static_cast<float>(args.repeat_penalty);
  sampler.presence_penalty = static_cast<float>(args.presence_penalty);
  sampler.frequency_penalty = static_cast<float>(args.frequency_penalty);
  sampler.dry.multiplier = static_cast<float>(args.dry);
  for (const std::string& text : args.logit_bias) {
    ETB_ASSIGN_OR_RETURN(auto bias, parse_bias(text));
    sampler.logit_bias.push_back(bias);
  }
  std::random_device device;
  sampler.seed = args.seed.value_or(static_cast<uint64_t>(device()) << 32 | device());
  return options;
}

Result<SessionOptions> session_options(const TalkArgs& args) {
  SessionOptions options{.system = args.system};
  ETB_ASSIGN_OR_RETURN(options.now_seconds, parse_now(args.common.now));
  ETB_ASSIGN_OR_RETURN(options.history, parse_history(args.history));
  if (!args.tools.empty()) {
    ETB_ASSIGN_OR_RETURN(options.tools, read_input(args.tools));
    const Status usable = check_tools(options.tools);
    if (!usable.ok()) return usable.with_context(args.tools);
  }
  if (args.think != "auto") options.thinking = args.think == "on";
  return options;
}

Result<HistoryPolicy> parse_history(const std::string& text) {
  HistoryPolicy policy;
  struct Name {
    std::string_view name;
    HistoryKind kind;
    size_t* number;  // that may follow it; null: none
  };
  const Name names[] = {{"window", HistoryKind::SlidingWindow, nullptr},
                        {"count", HistoryKind::MessageCount, &policy.max_messages},
                        {"keep-first", HistoryKind::KeepFirst, &policy.keep_first},
                        {"summarise", HistoryKind::Summarise, nullptr},
                        {"error", HistoryKind::Error, nullptr}};
  const size_t equals = text.find('=');
  for (const Name& row : names) {
    if (text.substr(0, equals) != row.name) continue;
    policy.kind = row.kind;
    if (equals == std::string::npos) return policy;
    const char* const end = text.data() + text.size();
    size_t number = 0;
    const auto [rest, error] = std::from_chars(text.data() + equals + 1, end, number);
    if (row.number == nullptr || error != std::errc() || rest != end || number == 0) break;
    *row.number = number;
    return policy;
  }
  return Status(StatusCode::InvalidArgument,
                concat("'", text,
                       "' is none of window, count[=N], keep-first[=N], summarise, error "
                       "(N at least 1)"));
}

Result<std::optional<int64_t>> parse_now(const std::string& text) {
  if (text.empty()) return std::optional<int64_t>();
  const auto seconds = seconds_from_iso(text);
  if (!seconds.ok()) return seconds.status();
  return std::optional<int64_t>(*seconds);
}

Result<std::string> read_input(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (!file)
    return Status(StatusCode::NotFound, concat("cannot read '", path, "': check the path"));
  return text;
}

}  // namespace etb::cli
