// `etbridge chat`: a conversation at the terminal, or one prompt a line from a pipe. Ctrl-C stops
// the answer and keeps what was said; at the prompt it clears the line. The end of the input ends
// it.
#include <cstdio>
#include <iostream>
#include <utility>

#include "args.h"
#include "base/text.h"
#include "setup.h"
#include "terminal.h"

namespace etb::cli {
namespace {

// Statistics stand in grey beside the answer, where both are on a terminal.
struct Grey {
  const char* on = stderr_is_terminal() ? "\033[2m" : "";
  const char* off = stderr_is_terminal() ? "\033[0m" : "";
};

constexpr const char* kHelp =
    "/help            this text\n"
    "/reset           forget the conversation\n"
    "/system [TEXT]   set or clear the system prompt (forgets nothing else)\n"
    "/quit            leave (also Ctrl-D); Ctrl-C stops an answer\n";

void print_stats(const Answer& answer, size_t dropped_before) {
  const Grey colour;
  std::fprintf(stderr,
               "%s[%zu tokens, %.1f tokens/s; prompt %zu, of it %zu cached; first token after %.0f "
               "ms%s]%s\n",
               colour.on, answer.ids.size(), answer.decode_tps, answer.prompt_tokens,
               answer.cached_tokens, answer.ttft_ms,
               answer.finish_reason == FinishReason::Cancelled ? "; stopped" : "", colour.off);
  if (answer.dropped_messages > dropped_before) {
    warn(concat("the oldest ", answer.dropped_messages,
                " messages no longer fit the context and were left out"));
  }
}

enum class Outcome { Ask, Handled, Quit };

// Lines that begin with a slash are for us, on a terminal; a pipe's lines are all prompts.
Outcome command(const std::string& line, Session& session) {
  if (line.empty() || line[0] != '/' || !stdin_is_terminal()) return Outcome::Ask;
  const std::string word = line.substr(0, line.find(' '));
  if (word == "/quit" || word == "/exit" || word == "/bye") return Outcome::Quit;
  if (word == "/reset") {
    session.reset();
  } else if (word == "/system") {
    session.set_system(line.size() > word.size() + 1 ? line.substr(word.size() + 1) : "");
  } else {
    if (word != "/help") std::cerr << "no such command: " << word << "\n";
    std::cerr << kHelp;
  }
  return Outcome::Handled;
}

Status ask(Session& session, const std::string& line, const GenerateOptions& options,
           size_t& dropped) {
  ETB_ASSIGN_OR_RETURN(const auto request, session.submit(Prompt::user(line), options));
  InterruptScope::set_token(&request->cancel_token());
  const auto answer =
      request->wait([](std::string_view piece) { std::cout << piece << std::flush; });
  InterruptScope::set_token(nullptr);
  if (!answer.ok()) return answer.status();
  std::cout << std::endl;
  print_stats(*answer, std::exchange(dropped, answer->dropped_messages));
  return {};
}

Status converse(const ChatArgs& args) {
  CancelToken loading;
  const InterruptScope interrupts(&loading);
  ETB_ASSIGN_OR_RETURN(const GenerateOptions options,
                       generate_options(args.sampling, args.max_tokens));
  ETB_ASSIGN_OR_RETURN(const auto now, parse_now(args.common.now));
  ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(args.model, args.common, &loading));
  const auto model = engine->model();
  const auto session = engine->new_session({.system = args.system, .now_seconds = now});
  InterruptScope::set_token(nullptr);
  if (stdin_is_terminal()) {
    std::fprintf(stderr, "%s loaded in %.0f ms, context %u. /help lists the commands.\n",
                 model->bundle.manifest.name.c_str(), model->load_ms, model->meta.context);
  }
  LineReader reader;
  bool failed = false;
  size_t dropped = 0;  // messages that no longer go into the prompt: told once
  while (const auto line = reader.read("> ")) {
    if (InterruptScope::terminated()) break;
    if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
    const Outcome outcome = command(*line, *session);
    if (outcome == Outcome::Quit) break;
    if (outcome == Outcome::Handled) continue;
    const Status status = ask(*session, *line, options, dropped);
    if (!status.ok()) report(status);
    failed = failed || !status.ok();
    if (InterruptScope::terminated()) break;
  }
  if (InterruptScope::terminated()) return {StatusCode::Cancelled, "terminated"};
  return failed && !stdin_is_terminal() ? Status(StatusCode::Internal, "some prompts failed")
                                        : Status();
}

}  // namespace

int chat(const ChatArgs& args) {
  return finish(converse(args));
}

}  // namespace etb::cli
