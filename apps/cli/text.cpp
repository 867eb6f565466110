// `etbridge tokenize`, `detokenize`, `render`: one JSON value a line in, one a line out. A line
// that cannot be done ends tokenize and detokenize with its number; render answers {"error": ...}
// and goes on.
#include <cstdio>
#include <iostream>
#include <string>

#include "args.h"
#include "base/clock.h"
#include "base/text.h"
#include "engine/text_tools.h"
#include "json.h"
#include "setup.h"
#include "terminal.h"

namespace etb::cli {
namespace {

// Calls `answer(line)` for each line that is not empty and prints what it returns.
template <class AnswerLine>
Status each_line(AnswerLine answer) {
  std::string line;
  for (size_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.empty() || line == "\r") continue;
    Result<std::string> out = answer(line);
    if (!out.ok()) return out.status().with_context(concat("line ", number));
    std::cout << *out << '\n';
  }
  return {};
}

std::string ids_line(const std::vector<TokenId>& ids) {
  std::string out = "[";
  for (const TokenId id : ids) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(id);
  }
  return out + "]";
}

Status tokenize_checked(const TokenizeArgs& args) {
  ETB_ASSIGN_OR_RETURN(const TextModel model, open_text_model(args.model, progress_bar()));
  return each_line([&](const std::string& line) -> Result<std::string> {
    ETB_ASSIGN_OR_RETURN(const std::string text, parse_string(line));
    ETB_ASSIGN_OR_RETURN(const auto ids,
                         model.tokenizer->encode(text, {.parse_special = args.special}));
    return ids_line(ids);
  });
}

Status detokenize_checked(const DetokenizeArgs& args) {
  ETB_ASSIGN_OR_RETURN(const TextModel model, open_text_model(args.model, progress_bar()));
  return each_line([&](const std::string& line) -> Result<std::string> {
    ETB_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, parse_ids(line));
    ETB_ASSIGN_OR_RETURN(const std::string text, model.tokenizer->decode(ids, {.special = true}));
    return quote(text);
  });
}

Status render_checked(const RenderArgs& args) {
  ETB_ASSIGN_OR_RETURN(const auto pinned, parse_now(args.common.now));
  const int64_t now = pinned.value_or(Clock::system().wall_seconds());
  ETB_ASSIGN_OR_RETURN(TemplateSource source,
                       open_template(args.model, args.chat_template, progress_bar()));
  source.defaults.now_seconds = now;
  return each_line([&](const std::string& line) -> Result<std::string> {
    return prompt::render_json_line(*source.chat_template, line, source.defaults);
  });
}

}  // namespace

int tokenize(const TokenizeArgs& args) {
  return finish(tokenize_checked(args));
}
int detokenize(const DetokenizeArgs& args) {
  return finish(detokenize_checked(args));
}
int render(const RenderArgs& args) {
  return finish(render_checked(args));
}

}  // namespace etb::cli
