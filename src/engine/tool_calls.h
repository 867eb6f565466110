// Tools that a model calls: from the bodies in an answer to calls, and from calls and results to
// what a template shows. The family's form is a row of family/chat_format.cpp. Pure.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/answer.h"
#include "family/chat_format.h"
#include "prompt/chat_template.h"
#include "prompt/value.h"
#include "stream/call_splitter.h"

namespace etb {

// What a tool gave for a call.
struct ToolResult {
  std::string id;  // of the call
  std::string content;
};

// Reads the calls of one answer.
class CallReader {
 public:
  // `messages`: the conversation so far, whose ids are taken; `tools`: what may be called, see
  // PromptSettings::tools.
  CallReader(const family::CallFormat& format, const std::vector<prompt::Message>& messages,
             std::string_view tools = {});

  const family::CallFormat& format() const { return format_; }
  stream::CallMarks marks() const;
  // It is a call, or an array of some (read_calls() of call_body.h).
  bool accepts(std::string_view body) const;
  // The calls, each with an id that no other of the conversation has: the model's own if templates
  // take it, else "call_0001" and so on (nine characters: Mistral's take no others). Empty: none.
  std::vector<ToolCall> take(std::string_view body);

 private:
  bool may_keep(const std::string& id) const;

  const family::CallFormat& format_;
  prompt::Value tools_;
  std::set<std::string> used_;
  size_t last_ = 0;  // the highest number of a "call_N"
};

// Message::fields of an answer that calls: "tool_calls", the arguments as objects.
std::string fields_of_calls(const std::vector<ToolCall>& calls);

// Appends the results of all calls of the last message, in the order of the calls, as messages of
// role "tool". InvalidArgument, and nothing appended: it has no calls, a call has no result or two,
// or a result is of none of them.
Status add_results(const std::vector<ToolResult>& results, std::vector<prompt::Message>& messages);

// Message::fields, parsed, with arguments that came as a text (as OpenAI's interface has them) as
// the object that it says: templates write that themselves.
prompt::Value with_argument_objects(const prompt::Value& fields);

// The calls in such fields as the family writes them, for a template that does not; empty: none.
std::string written_calls(const prompt::Value& fields, const family::CallFormat& format);

}  // namespace etb
