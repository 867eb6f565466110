// Any bytes as an answer that may call tools: whole, byte by byte and in two pieces it must give
// the same texts and calls; what is no call must come out as it was, but for white space; a call
// must have its size, and be JSON where it says so. The first byte chooses the family's marks, the
// second a bound.
// rooms: stream prompt family base
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "family/chat_format.h"
#include "prompt/json_text.h"
#include "require.h"
#include "stream/call_splitter.h"

namespace {

using etb::stream::CallMarks;
using etb::stream::CallSplitter;

CallMarks marks_of(uint8_t choice, uint8_t bound) {
  constexpr std::string_view kTold[] = {
      "<tool_call>",    "[TOOL_CALLS]",        "<|tool_call|>",
      "<|python_tag|>", "[TOOL_CALLS] [ARGS]", "<tool_call> <function=",
  };
  const auto* const format = etb::family::find_calls(
      kTold[choice % std::size(kTold)], {.has_token = [](std::string_view) { return false; }});
  require(format != nullptr);
  CallMarks marks{.open = std::string(format->open),
                  .close = std::string(format->close),
                  .id = std::string(format->id),
                  .json = std::string(format->json),
                  .tagged = format->tagged,
                  .bare = format->bare,
                  .single = format->single};
  if (bound < 128) marks.most_bytes = bound;
  return marks;
}

bool accepts(std::string_view body, const CallMarks& marks) {
  const size_t head = marks.json.empty() ? 0 : body.find(marks.json) + marks.json.size();
  return marks.tagged || etb::prompt::plain_json(body.substr(head)).ok();
}

std::vector<CallSplitter::Part> split(std::string_view answer, size_t step,
                                      const CallMarks& marks) {
  CallSplitter splitter(marks, [&](std::string_view body) { return accepts(body, marks); });
  std::vector<CallSplitter::Part> all;
  const auto add = [&all](std::vector<CallSplitter::Part> parts) {
    for (CallSplitter::Part& part : parts) {
      require(!part.text.empty());
      if (!part.is_call && !all.empty() && !all.back().is_call) {
        all.back().text += part.text;
      } else {
        all.push_back(std::move(part));
      }
    }
  };
  for (size_t at = 0; at < answer.size(); at += step) add(splitter.push(answer.substr(at, step)));
  add(splitter.finish());
  return all;
}

std::string without_space(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') out += c;
  }
  return out;
}

// The parts stand in the answer in their order, with marks alone around calls.
void require_nothing_lost(std::string_view answer, const std::vector<CallSplitter::Part>& parts,
                          const CallMarks& marks) {
  const std::string all = without_space(answer);
  std::string_view rest = all;
  const auto skip = [&rest](std::string_view text) {
    const bool there = rest.starts_with(text);
    if (there) rest.remove_prefix(text.size());
    return there;
  };
  for (const CallSplitter::Part& part : parts) {
    if (part.is_call) {
      require(part.text.size() <= marks.most_bytes && accepts(part.text, marks));
      require(skip(marks.open) || (marks.bare && rest.data() == all.data()));
    }
    require(skip(without_space(part.text)));
    if (part.is_call) require(skip(marks.close));
  }
  require(rest.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const CallMarks marks = marks_of(data[0], data[1]);
  const std::string_view answer(reinterpret_cast<const char*>(data + 2), size - 2);
  const auto whole = split(answer, answer.size() + 1, marks);
  require(split(answer, 1, marks) == whole);
  require(split(answer, answer.size() / 2 + 1, marks) == whole);
  require_nothing_lost(answer, whole, marks);
  return 0;
}
