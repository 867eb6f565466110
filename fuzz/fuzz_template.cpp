// Any bytes as a chat template: parsed, and rendered with a conversation that has calls and parts,
// under tight limits.
// rooms: prompt base
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "prompt/chat_template.h"
#include "prompt/json.h"

namespace {

constexpr std::string_view kMessages = R"([
  {"role": "system", "content": " S "},
  {"role": "user", "content": [{"type": "text", "text": "h\u00e9 <b>"}, {"type": "image"}]},
  {"role": "assistant", "content": null,
   "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]},
  {"role": "tool", "content": "ok", "name": "f"}])";

etb::prompt::RenderInput conversation() {
  etb::prompt::RenderInput input;
  input.message_values = etb::prompt::parse_json(kMessages).value();
  input.tools =
      etb::prompt::parse_json(R"([{"name": "f", "parameters": {"x": {"type": "string"}}}])")
          .value();
  input.add_generation_prompt = true;
  input.bos_token = "<s>";
  input.now_seconds = 1'795'435'200;
  return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const etb::prompt::jinja::Limits limits{.template_bytes = 1 << 16,
                                          .steps = 100'000,
                                          .output_bytes = 1 << 20,
                                          .string_bytes = 1 << 18,
                                          .list_items = 10'000,
                                          .live_bytes = 1 << 24};
  const auto parsed = etb::prompt::ChatTemplate::parse(text, limits);
  static const etb::prompt::RenderInput input = conversation();
  if (parsed.ok()) static_cast<void>(parsed->render(input).ok());
  static_cast<void>(etb::prompt::parse_json(text).ok());
  return 0;
}
