"""The conversations that every chat template is rendered with: what chats look like, and what breaks them."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Says what the weather is <like> at a \"place\" & time; für überall 🌍",
            "parameters": {
                "type": "object",
                "properties": {
                    "place": {"type": "string", "description": "City, country"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                    "days": {"type": "integer", "minimum": 1, "maximum": 14},
                    "details": {"type": "array", "items": {"type": "string"}, "nullable": True},
                    "where": {
                        "type": "object",
                        "properties": {"lat": {"type": "number"}, "lon": {"type": ["number", "null"]}},
                        "required": ["lat"],
                    },
                    "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "required": ["place"],
            },
            "return": {"type": "object", "description": "The forecast"},
        },
    },
    {
        "type": "function",
        "function": {"name": "noop", "description": "Does nothing", "parameters": {"type": "object", "properties": {}}},
    },
]
BARE_TOOLS = [{"name": "search", "description": "Searches", "parameters": {"type": "object", "properties": {
    "query": {"type": "string", "description": "What"}, "items": {"type": "array", "items": {"type": "integer"}}},
    "required": ["query"]}}]


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, ident="call_0001a"):
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


SYSTEM = message("system", "You are  a helpful\nassistant. ")
USER = message("user", "Hello, who are you?")
ANSWER = message("assistant", "I am a model.")
TWO_TURNS = [USER, ANSWER, message("user", "And now?")]
WEATHER_CALL = call("get_weather", {"place": "Zürich", "days": 3, "where": {"lat": 47.37, "lon": None}, "details": []})
CALLS = [
    USER,
    message("assistant", "", tool_calls=[WEATHER_CALL]),
    message("tool", '{"temperature": 21.5}', name="get_weather", tool_call_id="call_0001a"),
]

# name -> messages
MESSAGES = {
    "user": [USER],
    "system_user": [SYSTEM, USER],
    "developer_user": [message("developer", "Be brief."), USER],
    "two_turns": TWO_TURNS,
    "system_two_turns": [SYSTEM, *TWO_TURNS],
    "ends_with_assistant": [USER, ANSWER],
    "many_turns": [SYSTEM] + [m for i in range(6) for m in (message("user", f"Question {i}?"), message("assistant", f"Answer {i}."))] + [USER],
    "spaces": [message("system", "\n\t system \u3000"), message("user", "  \n indented\n\n\ttext \u00a0 "), message("assistant", " \r\n answer \x0b")],
    "unicode": [message("system", "Ünïcödé ß"), message("user", "日本語 🙂‍↔️ עברית\u202e a\u0301 \U0001F600"), message("assistant", "Ωμέγα ΣΑΣ"), message("user", "ﬁn İstanbul")],
    "markup": [message("user", "<b>&amp;</b> \"quoted\" 'single' \\n {{ x }} {% if %} <|im_end|> </s>"), message("assistant", "[INST] ok [/INST]"), message("user", "a\\b")],
    "empty_content": [message("system", ""), message("user", ""), message("assistant", ""), message("user", "x")],
    "null_content": [USER, message("assistant", None), message("user", "x")],
    "no_content": [USER, {"role": "assistant"}, message("user", "x")],
    "no_role": [{"content": "who"}],
    "no_messages": [],
    "number_content": [message("user", 42)],
    "unknown_role": [USER, message("narrator", "Meanwhile"), USER],
    "two_users": [USER, message("user", "Again!")],
    "assistant_first": [ANSWER, USER],
    "two_systems": [SYSTEM, message("system", "Second."), USER],
    "late_system": [USER, ANSWER, SYSTEM, USER],
    "only_system": [SYSTEM],
    "thinking": [USER, message("assistant", "<think>\nhm, well\n</think>\n\nFinal answer."), message("user", "Why?"), message("assistant", "<think>\n\n</think>\n\nBecause."), message("user", "ok /no_think")],
    "reasoning_content": [USER, message("assistant", "Final.", reasoning_content="Let me think.\n"), message("user", "Why?"), message("assistant", "So.", reasoning_content="")],
    "thinking_field": [USER, message("assistant", "Final.", thinking="Deep thought", reasoning="Because"), message("user", "Why?")],
    "text_parts": [message("system", [{"type": "text", "text": "Sys part."}]), message("user", [{"type": "text", "text": " One "}, {"type": "text", "text": "Two"}]), message("assistant", [{"type": "text", "text": "Three"}]), USER],
    "image_parts": [message("user", [{"type": "image"}, {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}])],
    "odd_parts": [message("user", [{"type": "audio", "audio": "x"}, {"type": "video"}, {"type": "strange"}, {"text": "no type"}, "string part"])],
    "call": CALLS,
    "call_answer": [SYSTEM, *CALLS, message("assistant", "It is 21.5 degrees."), message("user", "Thanks")],
    "call_string_arguments": [USER, message("assistant", None, tool_calls=[call("get_weather", '{"place": "Bern", "days": 2}')]), message("tool", "sunny", tool_call_id="call_0001a")],
    "call_with_content": [USER, message("assistant", "Let me look.", tool_calls=[WEATHER_CALL]), message("tool", "rain", name="get_weather", tool_call_id="call_0001a"), ANSWER, USER],
    "two_calls": [USER, message("assistant", "", tool_calls=[WEATHER_CALL, call("noop", {}, "call_0002b")]), message("tool", "a", tool_call_id="call_0001a", name="get_weather"), message("tool", "b", tool_call_id="call_0002b", name="noop"), ANSWER],
    "call_id_9": [USER, message("assistant", "", tool_calls=[call("get_weather", {"place": "Ulm"}, "abcdefgh1")]), message("tool", "dry", tool_call_id="abcdefgh1", name="get_weather")],
    "call_no_id": [USER, {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "noop", "arguments": {}}}]}, message("tool", "done")],
    "flat_call": [USER, message("assistant", "", tool_calls=[{"name": "noop", "arguments": {"a": True, "b": [1, 2.5, None], "c": "é"}}]), message("tool", {"ok": True, "n": 1e-7})],
    "tool_list_result": [*CALLS[:2], message("tool", [{"type": "text", "text": "part"}, {"type": "json", "v": [1]}], tool_call_id="call_0001a")],
    "ipython": [USER, message("assistant", "", tool_calls=[WEATHER_CALL]), message("ipython", "21.5")],
    "function_role": [USER, message("assistant", "", function_call={"name": "noop", "arguments": "{}"}), message("function", "done", name="noop")],
    "tool_first": [message("tool", "result")],
    "empty_calls": [USER, message("assistant", "Nothing to call.", tool_calls=[]), USER],
    "reasoning_call": [USER, message("assistant", "", reasoning_content="I should call.", tool_calls=[WEATHER_CALL]), message("tool", "x", tool_call_id="call_0001a"), message("assistant", "ok", reasoning_content="fine"), USER],
    "system_tools_field": [message("system", "Sys", tools='[{"name": "t"}]'), USER],
    "extra_fields": [message("user", "Hi", name="Ann", prefix=True, weight=1, loss=0.5), message("assistant", "Hello", prefix=False, refusal=None, annotations=[])],
}

# name -> further fields of the line
SETTINGS = {
    "plain": {},
    "prompted": {"add_generation_prompt": True},
    "tools": {"tools": TOOLS, "add_generation_prompt": True},
    "bare_tools": {"tools": BARE_TOOLS},
    "empty_tools": {"tools": [], "add_generation_prompt": True},
    "no_tokens": {"bos_token": None, "eos_token": None},
    "thinking_on": {"add_generation_prompt": True, "vars": {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"}},
    "thinking_off": {"add_generation_prompt": True, "vars": {"enable_thinking": False, "thinking": False, "reasoning_effort": "low", "clear_thinking": False}},
    "variables": {"tools": TOOLS, "vars": {"date_string": "01 Jan 2030", "builtin_tools": ["wolfram_alpha", "code_interpreter"], "tools_in_user_message": False, "documents": [{"title": "Doc", "text": "Body", "doc_id": 1}], "custom_instructions": "x", "keep_past_thinking": True, "system_prompt": "S", "controls": {"length": "long"}, "model_identity": "You are X."}},
}


def lines():
    """(name, line) of every conversation under every setting."""
    for setting, fields in SETTINGS.items():
        for name, messages in MESSAGES.items():
            line = {"messages": messages, "bos_token": "<s>", "eos_token": "</s>", **fields}
            yield f"{name}/{setting}", {key: value for key, value in line.items() if value is not None}
