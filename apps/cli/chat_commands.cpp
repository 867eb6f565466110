// The commands of `etbridge chat`: a row of the table and a function each.
#include <sys/stat.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "base/text.h"
#include "chat.h"
#include "image_file.h"

namespace etb::cli {
namespace {

struct Command {
  const char* name;
  const char* arguments;
  const char* about;
  Status (*run)(Chat& chat, const std::string& rest);
};

Status wrong(std::string message) {
  return {StatusCode::InvalidArgument, std::move(message)};
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The first word of a line, and what follows it.
std::pair<std::string, std::string> split(const std::string& line) {
  const size_t space = line.find_first_of(" \t");
  if (space == std::string::npos) return {line, ""};
  return {line.substr(0, space), trimmed(line.substr(space))};
}

// The N of "/edit N": which of the user's messages.
Result<size_t> parse_number(const std::string& text) {
  size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end && number > 0) return number;
  return wrong(concat("'", text, "' is no number of a message: /history shows them"));
}

Result<size_t> numbered_message(const Chat& chat, const std::string& text) {
  ETB_ASSIGN_OR_RETURN(const size_t number, parse_number(text));
  return user_message(chat.session().messages(), number);
}

// A shell would have turned "~/" into the home folder.
std::string as_path(const std::string& text) {
  const char* home = std::getenv("HOME");
  return text.starts_with("~/") && home ? home + text.substr(1) : text;
}

// Saving replaces a file: not one that is anything else than a saved conversation.
Status may_replace(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0 || found.st_size == 0) return {};
  constexpr std::string_view kMagic = "ETBROWS\n";
  std::string begin(kMagic.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  if (file.read(begin.data(), static_cast<std::streamsize>(begin.size())) && begin == kMagic) {
    return {};
  }
  return wrong(concat("'", path,
                      "' is there already and is no saved conversation: choose another "
                      "name"));
}

Status regenerate(Chat& chat, const std::string&) {
  if (chat.options.sampler.temperature == 0) note("at temperature 0 it is the same answer again");
  return answer(chat, Prompt::regenerate());
}

// One call after the other; after the last one the model goes on.
Status result(Chat& chat, const std::string& rest) {
  const size_t calls = chat.last ? chat.last->tool_calls.size() : 0;
  if (calls == 0) return wrong("the last answer calls no tool: /result has nothing to answer");
  auto results = chat.results;
  results.push_back({chat.last->tool_calls[results.size()].id, rest});
  if (results.size() == calls) return answer(chat, Prompt::tool_results(std::move(results)));
  chat.results = std::move(results);
  note(concat("kept; next is the result of ", chat.last->tool_calls[chat.results.size()].id));
  return {};
}

Status edit(Chat& chat, const std::string& rest) {
  const auto [number, given] = split(rest);
  ETB_ASSIGN_OR_RETURN(const size_t index, numbered_message(chat, number));
  std::string text = given;
  if (text.empty()) {
    note(concat("it was: ", chat.session().messages()[index].content));
    text = trimmed(chat.reader.read("instead> ").value_or(""));
  }
  if (text.empty()) return wrong("an empty text: the message stays as it is");
  auto before = chat.session().fork();
  ETB_RETURN_IF_ERROR(chat.session().edit(index, text));
  const Status status = answer(chat, Prompt::regenerate());
  if (chat.session().messages().back().role == "user") {  // no word of an answer came
    chat.branches.back() = std::move(before);
    note("the conversation is as it was");
  }
  return status;
}

Status fork(Chat& chat, const std::string&) {
  chat.branches.push_back(chat.session().fork());
  note(concat("this is a copy; /back returns to the conversation before (",
              chat.branches.size() - 1, " kept)"));
  return {};
}

Status back(Chat& chat, const std::string&) {
  if (chat.branches.size() == 1) {
    return wrong("there is no conversation to go back to: /fork and /load keep one");
  }
  chat.branches.pop_back();
  note(concat("back in the conversation before, of ", chat.session().messages().size(),
              " messages"));
  return {};
}

Status save(Chat& chat, const std::string& rest) {
  if (rest.empty()) return wrong("/save needs the name of a file");
  const std::string path = as_path(rest);
  ETB_RETURN_IF_ERROR(may_replace(path));
  ETB_RETURN_IF_ERROR(chat.session().save(path));
  struct stat saved = {};
  if (stat(path.c_str(), &saved) != 0) saved.st_size = 0;
  char size[32];
  std::snprintf(size, sizeof size, "%.1f MiB", mib(static_cast<uint64_t>(saved.st_size)));
  note(concat(chat.session().messages().size(), " messages saved to ", path, ", ", size));
  return {};
}

Status load(Chat& chat, const std::string& rest) {
  if (rest.empty()) return wrong("/load needs the name of a file");
  const std::string path = as_path(rest);
  ETB_ASSIGN_OR_RETURN(auto session, chat.engine->restore_session(path, chat.session_options));
  const bool empty = user_message(chat.session().messages(), 1).status().ok() == false;
  if (empty) chat.branches.pop_back();
  chat.branches.push_back(std::move(session));
  note(concat(chat.session().messages().size(), " messages loaded from ", path,
              empty ? "" : "; /back returns to the conversation before"));
  warm(chat);
  return {};
}

Status stats(Chat& chat, const std::string&) {
  show_stats(chat);
  return {};
}

Status memory(Chat& chat, const std::string&) {
  show_memory(chat);
  return {};
}

Status system_prompt(Chat& chat, const std::string& rest) {
  chat.session().set_system(rest);
  note(rest.empty() ? "no system prompt from now on" : "a new system prompt from now on");
  warm(chat);
  return {};
}

Status reset(Chat& chat, const std::string&) {
  chat.session().reset();
  note("a new conversation; the system prompt, if any, stays");
  return {};
}

Status history(Chat& chat, const std::string& rest) {
  if (rest.empty()) return show_history(chat, std::nullopt);
  ETB_ASSIGN_OR_RETURN(const size_t number, parse_number(rest));
  return show_history(chat, number);
}

Status pin(Chat& chat, const std::string& rest) {
  ETB_ASSIGN_OR_RETURN(const size_t index, numbered_message(chat, rest));
  const bool pinned = !chat.session().messages()[index].pinned;
  ETB_RETURN_IF_ERROR(chat.session().pin(index, pinned));
  note(pinned ? "pinned: it stays in the context with its answer" : "no longer pinned");
  return {};
}

Status quit(Chat& chat, const std::string&) {
  chat.over = true;
  return {};
}

Status help(Chat& chat, const std::string& rest);

Status image(Chat& chat, const std::string& rest) {
  if (rest.empty()) return wrong("/image takes a PNG or JPEG file");
  ETB_ASSIGN_OR_RETURN(chat.attached.emplace_back(), read_image(as_path(rest)));
  const media::Image& shown = chat.attached.back()->image();
  note(concat("the next message shows it: ", shown.width, "x", shown.height, " pixels"));
  return {};
}

constexpr Command kCommands[] = {
    {"/help", "", "this text", help},
    {"/image", "FILE", "show the model a picture with the next message", image},
    {"/regen", "", "another answer in place of the last one", regenerate},
    {"/result", "TEXT", "what the tool gave that the model called (--tools)", result},
    {"/edit", "N [TEXT]", "another text for your message N; what follows it goes", edit},
    {"/fork", "", "go on in a copy of the conversation", fork},
    {"/back", "", "return from it (or from /load)", back},
    {"/save", "FILE", "keep the conversation, with what was computed for it", save},
    {"/load", "FILE", "go on with a conversation that was saved", load},
    {"/history", "[N]", "the messages with their numbers; message N and its answer whole", history},
    {"/pin", "N", "let message N stay when the context is full; again: no longer", pin},
    {"/system", "[TEXT]", "set the system prompt; without TEXT there is none", system_prompt},
    {"/reset", "", "forget the conversation but the system prompt", reset},
    {"/stats", "", "tokens and speed, of the last answer and of all", stats},
    {"/memory", "", "what is used, what there is, and why the context is what it is", memory},
    {"/quit", "", "leave (as Ctrl-D); Ctrl-C stops an answer", quit},
};

Status help(Chat&, const std::string&) {
  for (const Command& row : kCommands) {
    std::fprintf(stderr, "%-8s %-9s %s\n", row.name, row.arguments, row.about);
  }
  std::fputs(
      "A line that begins with // is sent without the first slash; one that ends with \\ goes on "
      "in the next.\n",
      stderr);
  return {};
}

}  // namespace

Status command(Chat& chat, const std::string& line) {
  const auto [word, rest] = split(trimmed(line));
  if (word == "/exit" || word == "/bye") return quit(chat, rest);
  for (const Command& row : kCommands) {
    if (word != row.name) continue;
    if (rest.empty() || *row.arguments != '\0') return row.run(chat, rest);
    return wrong(concat(word, " takes nothing after it"));
  }
  return wrong(concat("no such command: ", word,
                      " (/help lists them; a message that begins with a slash is sent with two)"));
}

}  // namespace etb::cli
