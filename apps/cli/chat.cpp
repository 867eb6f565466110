// `etbridge chat`: a conversation at the terminal, or one prompt a line from a pipe. Ctrl-C stops
// the answer and keeps what was said; at the prompt it clears the line. The end of the input ends
// it.
#include "chat.h"

#include <cstdio>
#include <iostream>
#include <utility>

#include "args.h"
#include "base/text.h"
#include "interrupt.h"
#include "setup.h"
#include "talk.h"

namespace etb::cli {
namespace {

void greet(const ModelInfo& model) {
  std::fprintf(stderr, "%s loaded in %.0f ms, context %u. /help lists the commands.\n",
               model.bundle.manifest.name.c_str(), model.load_ms, model.meta.context);
  if (model.meta.context < model.bundle.manifest.defaults.context) note(model.memory.reasoning);
}

bool blank(const std::string& line) {
  return line.find_first_not_of(" \t\r\n") == std::string::npos;
}

// With what /image attached to it.
Prompt message(Chat& chat, std::string text) {
  return Prompt::user(std::move(text), std::exchange(chat.attached, {}));
}

// A prompt, or a command where lines may be some: then a second slash sends the line as it is.
Status obey(Chat& chat, const std::string& line, bool commands) {
  if (!commands || line[0] != '/') return answer(chat, message(chat, line));
  if (line.starts_with("//")) return answer(chat, message(chat, line.substr(1)));
  return command(chat, line);
}

// A message; a backslash at the end of a line lets it go on in the next one.
std::optional<std::string> read_message(LineReader& reader, bool commands) {
  auto line = reader.read("> ");
  while (commands && line && line->ends_with('\\')) {
    const auto next = reader.read("... ");
    line->back() = '\n';
    line->append(next.value_or(""));
    if (!next) break;
  }
  return line;
}

// False if something failed.
bool talk(Chat& chat, EngineNotes& notes, bool commands) {
  bool all_well = true;
  while (!chat.over && !InterruptScope::terminated()) {
    notes.show();
    const auto line = read_message(chat.reader, commands);
    if (!line && stdin_is_terminal()) std::fputc('\n', stderr);  // after what Ctrl-D left
    if (!line || InterruptScope::terminated()) break;
    if (blank(*line)) continue;
    const Status status = obey(chat, *line, commands);
    if (!status.ok()) report(status);
    all_well = all_well && status.ok();
  }
  notes.show();
  return all_well;
}

Status converse(const ChatArgs& args) {
  CancelToken loading;
  const InterruptScope interrupts(&loading);
  ETB_ASSIGN_OR_RETURN(GenerateOptions options, generate_options(args.talk));
  ETB_ASSIGN_OR_RETURN(SessionOptions session_options, cli::session_options(args.talk));
  const ParkedFolder parked;
  EngineNotes notes;
  ETB_ASSIGN_OR_RETURN(auto engine, load_engine(args.talk, {.cancel = &loading,
                                                            .on_event = notes.sink(),
                                                            .folder = parked.path()}));
  InterruptScope::set_token(nullptr);
  if (stdin_is_terminal()) greet(*engine->model());
  LineReader reader;
  Chat chat{.engine = std::move(engine),
            .reader = reader,
            .options = std::move(options),
            .session_options = std::move(session_options)};
  chat.branches.push_back(chat.engine->new_session(chat.session_options));
  warm(chat);
  const bool all_well = talk(chat, notes, args.commands || stdin_is_terminal());
  if (InterruptScope::terminated()) return {StatusCode::Cancelled, "terminated"};
  if (all_well || stdin_is_terminal()) return {};
  return {StatusCode::Internal, "some lines failed"};
}

}  // namespace

void Totals::add(const Answer& answer) {
  ++answers;
  generated_tokens += answer.ids.size();
  prompt_tokens += answer.prompt_tokens;
  cached_tokens += answer.cached_tokens;
  drafted_tokens += answer.drafted_tokens;
  accepted_tokens += answer.accepted_tokens;
}

Status answer(Chat& chat, Prompt prompt) {
  chat.warming.reset();
  chat.results.clear();
  GenerateOptions options = chat.options;
  options.sampler.seed += chat.asked++;  // else a second try would be the first again
  ETB_ASSIGN_OR_RETURN(const auto request, chat.session().submit(std::move(prompt), options));
  bool said = false;
  auto answer = follow(
      *request,
      [&said](std::string_view piece) {
        said = true;
        std::cout << piece << std::flush;
      },
      nullptr);
  if (said || answer.ok()) std::cout << std::endl;
  if (!answer.ok()) return answer.status();
  show_answer(*answer, options.max_tokens);
  chat.totals.add(*answer);
  chat.last = std::move(*answer);
  return {};
}

void warm(Chat& chat) {
  if (!stdin_is_terminal()) return;
  // If it fails the next request will say why.
  auto request = chat.session().submit(Prompt::warm(""), chat.options);
  if (request.ok()) chat.warming = std::move(*request);
}

int chat(const ChatArgs& args) {
  return finish(converse(args));
}

}  // namespace etb::cli
