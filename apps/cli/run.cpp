// `etbridge run`: one prompt, one answer; with --session the next turn of a conversation that lives
// in a file.
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "args.h"
#include "engine/measure.h"
#include "image_file.h"
#include "interrupt.h"
#include "json.h"
#include "setup.h"
#include "talk.h"
#include "terminal.h"

namespace etb::cli {
namespace {

// `tools`: what --messages declares. The text of --raw stays text here: it takes the model's
// tokenizer to make ids of it.
Result<Prompt> make_prompt(const RunArgs& args, std::string& tools) {
  std::string text = args.prompt.value_or("");
  if (!args.prompt) {
    ETB_ASSIGN_OR_RETURN(text, read_input(args.file ? *args.file : *args.messages));
  }
  if (!args.messages) {
    std::vector<std::shared_ptr<const media::Media>> images;
    for (const std::string& path : args.images) {
      ETB_ASSIGN_OR_RETURN(images.emplace_back(), read_image(path));
    }
    return Prompt::user(std::move(text), std::move(images));
  }
  std::vector<prompt::Message> messages;
  if (!args.talk.system.empty()) messages.push_back({"system", args.talk.system});
  auto chat = parse_messages(text);
  if (!chat.ok()) return chat.status().with_context(*args.messages);
  tools = std::move(chat->tools);
  for (ChatLine& line : chat->lines) {
    messages.push_back({.role = std::move(line.role),
                        .content = std::move(line.content),
                        .reasoning = std::move(line.reasoning),
                        .fields = std::move(line.fields)});
  }
  return Prompt::conversation(std::move(messages));
}

// The conversation of --session, if its file is there; else a new one.
Result<std::unique_ptr<Session>> open_session(const RunArgs& args, Engine& engine,
                                              std::string tools) {
  ETB_ASSIGN_OR_RETURN(SessionOptions options, session_options(args.talk));
  if (!tools.empty()) options.tools = std::move(tools);
  std::error_code unknown;  // then the engine tells why it cannot be read
  const bool there = args.session && (std::filesystem::exists(*args.session, unknown) || unknown);
  if (!there) return engine.new_session(std::move(options));
  auto session = engine.restore_session(*args.session, std::move(options));
  if (session.ok() && !args.talk.system.empty()) (*session)->set_system(args.talk.system);
  return session;
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

// As OpenAI's interface has them.
Json calls_json(const std::vector<ToolCall>& calls) {
  Json list = Json::array();
  for (const ToolCall& call : calls) {
    Json function;
    function.set("name", call.name);
    function.set("arguments", call.arguments);
    Json item;
    item.set("id", call.id);
    item.set("type", "function");
    item.set("function", function);
    list.push(item);
  }
  return list;
}

void print_json(const Answer& answer, double load_ms, const MemoryUse& memory) {
  Json json;
  json.set("text", answer.text);
  json.set("reasoning", answer.reasoning);
  json.set("tool_calls", calls_json(answer.tool_calls));
  json.set("ids", answer.ids);
  json.set("prompt_ids", answer.prompt_ids);
  json.set("finish_reason", finish_reason_name(answer.finish_reason));
  json.set("prompt_tokens", static_cast<uint64_t>(answer.prompt_tokens));
  json.set("cached_tokens", static_cast<uint64_t>(answer.cached_tokens));
  json.set("generated_tokens", static_cast<uint64_t>(answer.ids.size()));
  json.set("reasoning_tokens", static_cast<uint64_t>(answer.reasoning_tokens));
  json.set("reasoning_ms", answer.reasoning_ms);
  json.set("drafted_tokens", static_cast<uint64_t>(answer.drafted_tokens));
  json.set("accepted_tokens", static_cast<uint64_t>(answer.accepted_tokens));
  json.set("dropped_messages", static_cast<uint64_t>(answer.dropped_messages));
  json.set("load_ms", load_ms);
  json.set("queue_ms", answer.queue_ms);
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
  ETB_ASSIGN_OR_RETURN(GenerateOptions options, generate_options(args.talk));
  options.ignore_eos = args.ignore_eos;
  std::string tools;
  ETB_ASSIGN_OR_RETURN(Prompt prompt, make_prompt(args, tools));
  const PeakMemory peak;
  EngineNotes notes;
  ETB_ASSIGN_OR_RETURN(const auto engine,
                       load_engine(args.talk, {.cancel = &cancel, .on_event = notes.sink()}));
  const auto model = engine->model();
  if (args.raw) {
    ETB_ASSIGN_OR_RETURN(auto ids, encode_raw(model->bundle, prompt.text));
    prompt = Prompt::tokens(std::move(ids));
  }
  ETB_ASSIGN_OR_RETURN(const auto session, open_session(args, *engine, std::move(tools)));

  const bool json = args.talk.common.json;
  const TextSink show = [](std::string_view piece) { std::cout << piece << std::flush; };
  ETB_ASSIGN_OR_RETURN(const auto request, session->submit(std::move(prompt), options));
  const auto answer = follow(*request, json ? TextSink() : show, &cancel);
  notes.show();
  if (!answer.ok()) return answer.status();
  if (json) {
    print_json(*answer, model->load_ms, peak.read());
  } else {
    std::cout << std::endl;
  }
  exit_code = answer->finish_reason == FinishReason::Cancelled ? 130 : 0;
  // An answer that was stopped before its first token left the conversation as it was.
  return args.session && !answer->ids.empty() ? session->save(*args.session) : Status();
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
