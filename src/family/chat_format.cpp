// The rows, the more particular ones first. The texts are templates of prompt/chat_template.h;
// blocks cut their own line ends, and "-" the white space beside them.
#include "family/chat_format.h"

#include <algorithm>
#include <array>

namespace etb::family {
namespace {

using Texts = std::string_view[];

constexpr std::string_view kLlama3 = R"({%- for message in messages %}
{{- bos_token if loop.first }}
{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content|trim }}
{{- '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}
)";

// Llama 3.1 knows tools of its own (builtin_tools) and one date; 3.2 has only what it is given and
// tells today's date.
constexpr std::string_view kLlama31Start = R"({%- set own = builtin_tools is defined %}
{%- set own_tools = builtin_tools if own else [] %}
{%- set date = date_string if date_string is defined else '26 Jul 2024' %}
)";
constexpr std::string_view kLlama32Start = R"({%- set own = false %}
{%- set own_tools = [] %}
{%- if date_string is defined %}{% set date = date_string %}
{%- elif strftime_now is defined %}{% set date = strftime_now('%d %b %Y') %}
{%- else %}{% set date = '26 Jul 2024' %}{% endif %}
)";
constexpr std::string_view kLlamaHeaders = R"(
{%- macro header(role) %}{{- '<|start_header_id|>' + role + '<|end_header_id|>\n\n' }}{% endmacro %}
{%- macro describe(tools) %}
{{- 'Respond in the format {"name": function name, "parameters": dictionary of argument name' }}
{{- ' and its value}.Do not use variables.\n\n' }}
{%- for tool in tools %}{{- tool|tojson(indent=4) + '\n\n' }}{% endfor %}
{%- endmacro %}
{%- set end = '<|eom_id|>' if own else '<|eot_id|>' %}
{%- if custom_tools is defined %}{% set tools = custom_tools %}{% endif %}
{%- set has_tools = tools is defined and tools is not none %}
{%- set in_user = true if tools_in_user_message is not defined else tools_in_user_message %}
{{- bos_token }}
)";
constexpr std::string_view kLlamaSystem = R"(
{%- if messages[0].role == 'system' %}
{%- set system = messages[0].content|trim %}
{%- set messages = messages[1:] %}
{%- else %}
{%- set system = '' %}
{%- endif %}
{{- header('system') }}
{%- if own or has_tools %}{{- 'Environment: ipython\n' }}{% endif %}
{%- if own %}
{{- 'Tools: ' + own_tools|reject('equalto', 'code_interpreter')|join(', ') + '\n\n' }}
{%- endif %}
{{- 'Cutting Knowledge Date: December 2023\nToday Date: ' + date + '\n\n' }}
{%- if has_tools and not in_user %}
{{- 'You have access to the following functions. To call a function, please respond with JSON' }}
{{- ' for a function call.' + describe(tools) }}
{%- endif %}
{{- system + '<|eot_id|>' }}
{%- if has_tools and in_user %}
{%- if messages|length == 0 %}
{{- raise_exception("Cannot put tools in the first user message when there's no first user message!") }}
{%- endif %}
{{- header('user') }}
{{- 'Given the following functions, please respond with a JSON for a function call with its' }}
{{- ' proper arguments that best answers the given prompt.\n\n' + describe(tools) }}
{{- messages[0].content|trim + '<|eot_id|>' }}
{%- set messages = messages[1:] %}
{%- endif %}
)";
constexpr std::string_view kLlamaTurns = R"(
{%- for message in messages %}
{%- if 'tool_calls' in message %}
{%- if message.tool_calls|length != 1 %}
{{- raise_exception('This model only supports single tool-calls at once!') }}
{%- endif %}
{%- set call = message.tool_calls[0].function %}
{{- header('assistant') }}
{%- if call.name in own_tools %}
{{- '<|python_tag|>' + call.name + '.call(' }}
{%- for name, value in call.arguments|items %}
{{- name + '="' + value + '"' + ('' if loop.last else ', ') }}
{%- endfor %}
{{- ')' }}
{%- else %}
{{- '{"name": "' + call.name + '", "parameters": ' + call.arguments|tojson + '}' }}
{%- endif %}
{{- end }}
{%- elif message.role in ['tool', 'ipython'] %}
{{- header('ipython') }}
{%- if message.content is mapping or message.content is iterable %}{{- message.content|tojson }}
{%- else %}{{- message.content }}{% endif %}
{{- '<|eot_id|>' }}
{%- else %}
{{- header(message.role) + message.content|trim + '<|eot_id|>' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- header('assistant') }}{% endif %}
)";

// No role for the system text: it begins the first user turn. The published template of Gemma 2
// refuses one.
constexpr std::string_view kGemma = R"({%- set prefix = '' %}
{%- if messages[0].role == 'system' %}
{%- set system = messages[0].content %}
{%- set prefix = (system if system is string else system[0].text) + '\n\n' %}
{%- set messages = messages[1:] %}
{%- endif %}
{{- bos_token }}
{%- for message in messages %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif %}
{{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\n' }}
{{- prefix if loop.first }}
{%- if message.content is string %}
{{- message.content|trim }}
{%- elif message.content is iterable %}
{%- for item in message.content %}
{{- '<start_of_image>' if item.type == 'image' }}
{{- item.text|trim if item.type == 'text' }}
{%- endfor %}
{%- else %}
{{- raise_exception('Invalid content type') }}
{%- endif %}
{{- '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<start_of_turn>model\n' }}{% endif %}
)";

constexpr std::string_view kPhi3 = R"({%- for message in messages %}
{%- if message.role in ['user', 'assistant'] or message.role == 'system' and message.content %}
{{- '<|' + message.role + '|>\n' + message.content + '<|end|>\n' }}
{%- endif %}
{%- endfor %}
{{- '<|assistant|>\n' if add_generation_prompt else eos_token }}
)";

// Tools come as a text with the system message.
constexpr std::string_view kPhi4Mini = R"({%- for message in messages %}
{{- '<|' + message.role + '|>' + message.content }}
{%- if message.role == 'system' and 'tools' in message and message.tools is not none %}
{{- '<|tool|>' + message.tools + '<|/tool|>' }}
{%- endif %}
{{- '<|end|>' }}
{%- endfor %}
{{- '<|assistant|>' if add_generation_prompt else eos_token }}
)";

constexpr std::string_view kPhi4 = R"({%- for message in messages %}
{%- if message.role in ['system', 'user', 'assistant'] %}
{{- '<|im_start|>' + message.role + '<|im_sep|>' + message.content + '<|im_end|>' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant<|im_sep|>' }}{% endif %}
)";

constexpr std::string_view kChatMl = R"({%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{% endif %}
)";

constexpr Texts kLlama3Text = {kLlama3};
constexpr Texts kLlama31Text = {kLlama31Start, kLlamaHeaders, kLlamaSystem, kLlamaTurns};
constexpr Texts kLlama32Text = {kLlama32Start, kLlamaHeaders, kLlamaSystem, kLlamaTurns};
constexpr Texts kGemmaText = {kGemma};
constexpr Texts kPhi3Text = {kPhi3};
constexpr Texts kPhi4MiniText = {kPhi4Mini};
constexpr Texts kPhi4Text = {kPhi4};
constexpr Texts kChatMlText = {kChatMl};

constexpr Texts kLlama3Tokens = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
constexpr Texts kLlama31Tokens = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
                                  "<|eom_id|>", "<|python_tag|>"};
// The models of 1 and 3 billion parameters; those of 3.1 and 3.3 have 32 and more.
constexpr uint32_t kLlama32Layers[] = {16, 28};
constexpr Texts kLlama3Stops = {"<|eot_id|>", "<|end_of_text|>"};
constexpr Texts kLlama31Stops = {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"};
constexpr Texts kGemma2Tokens = {"<start_of_turn>", "<end_of_turn>"};
constexpr Texts kGemma3Tokens = {"<start_of_turn>", "<end_of_turn>", "<end_of_image>"};
constexpr Texts kGemmaStops = {"<end_of_turn>", "<eos>"};
constexpr Texts kPhi4MiniTokens = {"<|user|>", "<|assistant|>", "<|end|>", "<|tool_call|>"};
constexpr Texts kNotPhi3 = {"<|tool_call|>", "<|im_start|>", "<|start_header_id|>"};
constexpr Texts kPhi3Tokens = {"<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"};
constexpr Texts kPhi3Stops = {"<|end|>", "<|endoftext|>"};
constexpr Texts kPhi4Tokens = {"<|im_start|>", "<|im_sep|>", "<|im_end|>"};
constexpr Texts kChatMlTokens = {"<|im_start|>", "<|im_end|>"};
constexpr Texts kChatMlStops = {"<|im_end|>", "<|endoftext|>"};
// Fine-tunes may add ChatML's tokens to a vocabulary with tokens of its own: which they speak, such
// a file alone does not tell. SmolVLM speaks something else with them.
constexpr Texts kImStart = {"<|im_start|>"};
constexpr Texts kNotChatMl = {"<|im_sep|>",         "<|start_header_id|>", "<start_of_turn>",
                              "<end_of_utterance>", "<|assistant|>",       "[INST]"};

constexpr ChatFormat kFormats[] = {
    {.name = "llama-3.2",
     .tokens = kLlama31Tokens,
     .absent = kImStart,
     .layers = kLlama32Layers,
     .text = kLlama32Text,
     .stop_texts = kLlama31Stops},
    {.name = "llama-3.1",
     .tokens = kLlama31Tokens,
     .absent = kImStart,
     .text = kLlama31Text,
     .stop_texts = kLlama31Stops},
    {.name = "llama-3",
     .tokens = kLlama3Tokens,
     .absent = kImStart,
     .text = kLlama3Text,
     .stop_texts = kLlama3Stops},
    {.name = "gemma-3",
     .tokens = kGemma3Tokens,
     .absent = kImStart,
     .text = kGemmaText,
     .stop_texts = kGemmaStops},
    {.name = "gemma-2",
     .tokens = kGemma2Tokens,
     .absent = kImStart,
     .text = kGemmaText,
     .stop_texts = kGemmaStops},
    {.name = "phi-4-mini",
     .tokens = kPhi4MiniTokens,
     .absent = kImStart,
     .text = kPhi4MiniText,
     .stop_texts = kPhi3Stops},
    {.name = "phi-3",
     .tokens = kPhi3Tokens,
     .absent = kNotPhi3,
     .text = kPhi3Text,
     .stop_texts = kPhi3Stops},
    {.name = "phi-4", .tokens = kPhi4Tokens, .text = kPhi4Text, .stop_texts = kChatMlStops},
    {.name = "chatml",
     .tokens = kChatMlTokens,
     .absent = kNotChatMl,
     .text = kChatMlText,
     .stop_texts = kChatMlStops},
};

constexpr ReasoningPair kReasoning[] = {
    // Qwen 3, DeepSeek R1, SmolLM3, Phi-4-reasoning and many others. Phi-4-mini-reasoning spells
    // the
    // tags in letters, and its template has nothing but the first words of its system text.
    {"<think>", "</think>", "Your name is Phi, an AI math expert developed by Microsoft."},
    {"[THINK]", "[/THINK]"},                     // Mistral
    {"<|START_THINKING|>", "<|END_THINKING|>"},  // Command
    {"<seed:think>", "</seed:think>"},           // Seed
};

constexpr CallFormat kCalls[] = {
    // Qwen 3 Coder, Qwen 3.5, Nemotron 3 and others that learned from them.
    {.name = "qwen-coder",
     .open = "<tool_call>",
     .close = "</tool_call>",
     .between = "\n",
     .told_by = "<function=",
     .tagged = true},
    // Qwen 2.5 and 3, Hermes, and others that learned from them.
    {.name = "hermes", .open = "<tool_call>", .close = "</tool_call>", .between = "\n"},
    // Mistral Small 3.2, Magistral, Devstral, Ministral 3. Vocabularies have had the tokens of this
    // form for longer than models have written it.
    {.name = "mistral-2025",
     .open = "[TOOL_CALLS]",
     .told_by = "[ARGS]",
     .id = "[CALL_ID]",
     .json = "[ARGS]",
     .id_size = 9},
    {.name = "mistral", .open = "[TOOL_CALLS]", .id_size = 9, .list = true},
    {.name = "phi-4-mini", .open = "<|tool_call|>", .close = "<|/tool_call|>", .list = true},
    // Llama 3.1 to 3.3. The mark is rare: it is meant for the tools they know by themselves.
    {.name = "llama-3.1",
     .open = "<|python_tag|>",
     .arguments = "parameters",
     .bare = true,
     .single = true},
};

bool fits(const ChatFormat& format, const ModelTraits& traits) {
  const bool layers = format.layers.empty() ||
                      std::ranges::find(format.layers, traits.layers) != format.layers.end();
  return layers && std::ranges::all_of(format.tokens, traits.has_token) &&
         std::ranges::none_of(format.absent, traits.has_token);
}

}  // namespace

std::span<const ChatFormat> chat_formats() {
  return kFormats;
}

const ChatFormat* chat_format_named(std::string_view name) {
  const auto* const row = std::ranges::find(kFormats, name, &ChatFormat::name);
  return row != std::end(kFormats) ? row : nullptr;
}

const ChatFormat* find_chat_format(const ModelTraits& traits) {
  for (const ChatFormat& format : kFormats) {
    if (fits(format, traits)) return &format;
  }
  return nullptr;
}

const ReasoningPair* find_reasoning(std::string_view chat_template, const ModelTraits& traits) {
  for (const ReasoningPair& pair : kReasoning) {
    const auto says = [&](std::string_view text) {
      return !text.empty() && chat_template.find(text) != std::string_view::npos;
    };
    const bool written = says(pair.close) || says(pair.told_by);
    if (written || (traits.has_token(pair.open) && traits.has_token(pair.close))) return &pair;
  }
  return nullptr;
}

const CallFormat* find_calls(std::string_view chat_template, const ModelTraits& traits) {
  const auto writes = [&](std::string_view text) {
    return chat_template.find(text) != std::string_view::npos;
  };
  for (const CallFormat& format : kCalls) {
    if (writes(format.open) && writes(format.told_by)) return &format;
  }
  for (const CallFormat& format : kCalls) {
    if (!format.told_by.empty()) continue;
    const bool closes = format.close.empty() || traits.has_token(format.close);
    if (closes && traits.has_token(format.open)) return &format;
  }
  return nullptr;
}

bool shows_calls(std::string_view chat_template) {
  return chat_template.find("tool_calls") != std::string_view::npos;
}

bool tools_in_system_message(std::string_view chat_template) {
  constexpr Texts kAsked = {"message['tools']", "message[\"tools\"]", "message.tools"};
  return std::ranges::any_of(kAsked, [&](std::string_view text) {
    return chat_template.find(text) != std::string_view::npos;
  });
}

std::string template_text(const ChatFormat& format) {
  std::string text;
  for (const std::string_view piece : format.text) text += piece;
  return text;
}

std::string known_chat_formats() {
  std::string names;
  for (const ChatFormat& format : kFormats) {
    if (!names.empty()) names += ", ";
    names += format.name;
  }
  return names;
}

}  // namespace etb::family
