// `etbridge run`: one prompt, one answer.
#include <cstdio>
#include <iostream>

#include "args.h"
#include "base/text.h"
#include "engine/measure.h"
#include "json.h"
#include "setup.h"
#include "terminal.h"

namespace etb::cli {
namespace {

Result<std::vector<prompt::Message>> conversation(const RunArgs& args, const std::string& text) {
  std::vector<prompt::Message> messages;
  if (!args.system.empty()) messages.push_back({"system", args.system});
  if (!args.messages) {
    messages.push_back({"user", text});
    return messages;
  }
  auto lines = parse_messages(text);
  if (!lines.ok()) return lines.status().with_context(*args.messages);
  for (ChatLine& line : *lines) messages.push_back({std::move(line.role), std::move(line.content)});
  return messages;
}

Json logprobs_json(const std::vector<TokenLogprobs>& logprobs) {
  Json list = Json::array();
  for (const TokenLogprobs& token : logprobs) {
    Json top = Json::array();
    for (const auto& [id, logprob] : token.top) {
      Json pair = Json::array();
      pair.push(static_cast<int64_t>(id));
      pair.push(static_cast<double>(logprob));
      top.push(pair);
    }
    Json item;
    item.set("id", token.id);
    item.set("logprob", static_cast<double>(token.logprob));
    item.set("top", top);
    list.push(item);
  }
  return list;
}

void print_json(const Answer& answer, double load_ms, const MemoryUse& memory) {
  Json json;
  json.set("text", answer.text);
  json.set("ids", answer.ids);
  json.set("prompt_ids", answer.prompt_ids);
  json.set("finish_reason", finish_reason_name(answer.finish_reason));
  json.set("prompt_tokens", static_cast<uint64_t>(answer.prompt_tokens));
  json.set("cached_tokens", static_cast<uint64_t>(answer.cached_tokens));
  json.set("generated_tokens", static_cast<uint64_t>(answer.ids.size()));
  json.set("load_ms", load_ms);
  json.set("ttft_ms", answer.ttft_ms);
  json.set("prefill_tps", answer.prefill_tps);
  json.set("decode_tps", answer.decode_tps);
  json.set("peak_rss_bytes", memory.peak_rss_bytes);
  json.set("peak_anon_bytes", memory.peak_anon_bytes);
  json.set("footprint_bytes", memory.footprint_bytes);
  if (!answer.logprobs.empty()) json.set("logprobs", logprobs_json(answer.logprobs));
  std::puts(json.dump().c_str());
}

Status run_checked(const RunArgs& args, CancelToken& cancel, int& exit_code) {
  std::string text = args.prompt.value_or("");
  if (!args.prompt) {
    ETB_ASSIGN_OR_RETURN(text, read_input(args.file ? *args.file : *args.messages));
  }
  ETB_ASSIGN_OR_RETURN(GenerateOptions options, generate_options(args.sampling, args.max_tokens));
  options.ignore_eos = args.ignore_eos;
  ETB_ASSIGN_OR_RETURN(const auto now, parse_now(args.common.now));
  const PeakMemory peak;
  ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(args.model, args.common, &cancel));
  const auto model = engine->model();
  const auto session = engine->new_session({.now_seconds = now});

  const TextSink show = [](std::string_view piece) { std::cout << piece << std::flush; };
  const TextSink sink = args.common.json ? TextSink() : show;
  Prompt prompt;
  if (args.raw) {
    ETB_ASSIGN_OR_RETURN(auto ids, encode_raw(model->bundle, text));
    prompt = Prompt::tokens(std::move(ids));
  } else {
    ETB_ASSIGN_OR_RETURN(auto messages, conversation(args, text));
    prompt = Prompt::conversation(std::move(messages));
  }
  ETB_ASSIGN_OR_RETURN(const auto request, session->submit(std::move(prompt), options));
  InterruptScope::set_token(&request->cancel_token());
  if (cancel.cancelled()) request->cancel();
  const auto answer = request->wait(sink);
  InterruptScope::set_token(nullptr);
  if (!answer.ok()) return answer.status();
  if (args.common.json) {
    print_json(*answer, model->load_ms, peak.read());
  } else {
    std::cout << std::endl;
  }
  exit_code = answer->finish_reason == FinishReason::Cancelled ? 130 : 0;
  return {};
}

}  // namespace

int run(const RunArgs& args) {
  CancelToken cancel;
  const InterruptScope interrupts(&cancel);
  int exit_code = 0;
  const Status status = run_checked(args, cancel, exit_code);
  return status.ok() ? exit_code : finish(status);
}

}  // namespace etb::cli
