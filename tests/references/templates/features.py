"""Small templates of our own that use every feature of the language, one idea each, and real templates
short enough to stand in the reference notes. Rendered with jinja2, they are what `make test` compares with."""
from pathlib import Path

CHAT = {
    "messages": [
        {"role": "system", "content": "  Be Brief.\n"},
        {"role": "user", "content": "Hëllo \"you\" & <me> 日本"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"b": 1, "a": [True, None, 2.5]}}}]},
        {"role": "tool", "content": "done\nnow", "items": "shadowed", "n": 3},
    ],
    "tools": [{"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "int"}}, "required": ["x"]}}],
    "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True,
    "vars": {"n": 7, "f": 2.5, "s": "abc ABC", "e": "", "l": [3, 1, 2], "d": {"b": 1, "a": 2, "C": 3}, "t": True, "z": None,
             "words": ["banana", "Apple", "cherry", "apple"], "people": [{"name": "Zoe", "age": 3, "tags": ["x"]}, {"name": "adam", "age": 3}, {"name": "Bob", "age": 1, "tags": []}],
             "big": 123456789012345678901234567890, "tiny": 1e-7, "huge": 1e22, "text": "  line one\n\n line two\r\nline three  ", "nested": {"a": {"b": [{"c": "deep"}]}}, "mixed": ["a", 1, None, 2.0, True]},
}

EXPRESSIONS = (Path(__file__).resolve().parent / "expressions.txt").read_text(encoding="utf-8").splitlines()

BLOCKS = [
    "{% if n > 5 %}big{% elif n > 2 %}mid{% else %}small{% endif %}",
    "{% if z %}a{% elif e %}b{% endif %}|",
    "{% if n == 7 and s %}\n  line\n{% endif %}\nafter",
    "{% for x in l %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in [] %}a{% else %}none{% endfor %}{% for x in undefinedthing %}a{% else %}none{% endfor %}",
    "{% for x in z %}a{% endfor %}", "{% for x in n %}a{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}-{{ b }} {% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}", "{% for a, b in l %}{{ a }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for c in 'añ日' %}[{{ c }}]{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{{ loop.zz is defined }} {% endfor %}",
    "{% for x in l %}{{ loop.cycle('odd', 'even') }} {% endfor %}{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}:{{ m.role }}{{ loop.last }} {% else %}x{% endfor %}",
    "{% for x in l if x > 5 %}{{ x }}{% else %}none{% endfor %}",
    "{% set ns = namespace(k=0) %}{% for x in l if x > ns.k %}{% set ns.k = x %}{{ x }}{% endfor %}",
    "{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}|{{ x }}",
    "{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ loop.index }}{{ y }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% break %}", "{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
    "{% for x in l %}{% set loop = 1 %}{% endfor %}",
    "{% for x in [1, [2, [3, 4]], 5] recursive %}{% if x is iterable %}({{ loop(x) }}@{{ loop.depth }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in [1] %}{{ loop(x) }}{% endfor %}",
    "{% set x = 1 %}{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in l %}{% if i == 1 %}{% set y = i %}{% endif %}{{ y }}-{% endfor %}{{ y }}",
    "{% if t %}{% set y = 5 %}{% endif %}{{ y }}", "{% if e %}{% set n = 5 %}{% endif %}{{ n }}",
    "{% set ns = namespace(found=false, l=[]) %}{% for x in l %}{% if x == 1 %}{% set ns.found = true %}{% endif %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.found }}{{ ns.l }}",
    "{% set d.x = 1 %}", "{% set nothere.x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, %}{{ c }}", "{% set a, b = l %}", "{% set x %}in {{ n }}\n{% endset %}[{{ x }}]{{ x is string }}",
    "{% set x | upper | replace('A', '4') %}abc {{ s }}{% endset %}{{ x }}",
    "{% set ns = namespace() %}{% set ns.text %}block{% endset %}{{ ns.text }}",
    "{% macro f(a, b=2, c='x' ~ b) %}({{ a }},{{ b }},{{ c }}){% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(1, c=5) }}{{ f() }}{{ f(b=1, a=2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(zz=2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}{{ f() }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}",
    "{% macro f() %}{{ n }}{{ later }}{% endmacro %}{% set later = 'L' %}{{ f() }}{% set n = 8 %}{{ f() }}",
    "{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}",
    "{% macro wrap(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call wrap('b') %}in {{ n }}{% endcall %}",
    "{% macro each() %}{% for x in l %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}{% call(v, i) each() %}{{ i }}:{{ v }} {% endcall %}",
    "{% macro nocaller() %}x{% endmacro %}{% call nocaller() %}y{% endcall %}", "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}{% call f() %}{% endcall %}",
    "{% call n %}{% endcall %}", "{{ f.name if f }}{% macro f(a) %}{% endmacro %}{{ f.name }}{{ f }}",
    "{% filter upper %}abc {{ s }}{% endfilter %}{% filter replace('a', 'b') | trim %} aaa {% endfilter %}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% set c = 3 %}{{ c }}{% endwith %}{{ a }}{{ c }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
    "{% generation %}{{ n }}{% set q = 1 %}{{ q }}{% endgeneration %}{{ q }}", "{% for m in messages %}{% generation %}{{ m.role }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{% raw %}{{ not }} {% rendered %}{# at all #}{% endraw %}", "a\n  {% raw %}\n x {{ }}\n  {% endraw %}\nb", "a {%- raw -%}  x  {%- endraw -%}  b",
    "a {# comment #} b{#- tight -#} c", "line\n   {# gone with its line #}\nnext", "{# multi\nline #}x",
    "  {% if t %}\n    a\n  {% endif %}\n  b\n", "x  {%- if t %}  y  {%- endif -%}  z", "x {%+ if t %}\ny{% endif +%}\nz", "   {%+ if t +%}  \n a {%- endif %}",
    "a\n\n{{- n -}}\n\nb", "{{ n }}\n{{ n }}\n", "\n\n{% set q = 1 %}\n\n{{ q }}\n\n", "a\r\nb\rc\n{% if t %}\r\nd{% endif %}", "trailing\n\n", "  \t{{ n }}  {% if t %}q{% endif %}  ",
    "{{ '}}' }}{{ \"%}\" }}{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': 1}}}", "{{ n", "{% if %}", "{% if t %}", "{% endif %}", "{% nope %}", "{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ 1) }}", "{{ 'a }}", "{# open", "{% raw %} open", "{{ a b }}", "{% for x l %}{% endfor %}", "{{ x is }}", "{{ s | }}", "{% set %}", "{{ f(a=1, 2) }}", "{{ 1 is odd is even }}", "{% set 1 = 2 %}", "{% set none = 2 %}", "{% include 'x' %}", "{% macro f(a=1, b) %}{% endmacro %}", "{{ $ }}", "{% else %}", "{% if t %}{{ s|nofilter if e }}{% endif %}", "{% if e %}{{ s|nofilter }}{% endif %}ok", "{{ 1 if t else s|nofilter }}", "{{ s|nofilter if e else 2 }}", "{% if e %}{% for x in l %}{{ s|nofilter }}{% endfor %}{% endif %}",
    "{% set it = l|map('string') %}{{ it|list }}{{ it|list }}", "{% set it = words|select %}{{ it|join }}{{ it|join }}{% if it %}truthy{% endif %}", "{% set r = l|reverse %}{{ r|list }}{{ r|list }}",
    "{% set j = joiner('; ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}",
    "{{ messages }}", "{{ tools }}", "{{ d|tojson|safe }}", "{{ undefinedthing }}|{{ z }}|{{ t }}|{{ documents }}", "{{ messages[5] }}{{ messages[5].x }}", "{% print n %}{% print n, s %}",
    "{% for p in people|groupby('age') %}{{ p.grouper if false else p[0] }}:{% for q in p[1] %}{{ q.name }} {% endfor %}{% endfor %}",
    "{{ f(*[1, 2]) }}{% macro f(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(**{'a': 1, 'b': 2}) }}", "{% macro f(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(**{'a': 1, 'b': 2}) }}{{ f(1, **{'b': 4}) }}{{ f(*l) }}",
    "{% if messages[0].role == 'system' %}{% set sys = messages[0].content|trim %}{% set messages = messages[1:] %}{% endif %}{{ sys }}{% for m in messages %}{{ m.role }}{% endfor %}",
    "{% if (messages|length) is odd or messages[-1]['role'] == 'tool' %}{{ raise_exception('roles: ' ~ messages|map(attribute='role')|join('/')) }}{% endif %}",
    "{%- for t in tools %}{%- for p, q in t.parameters.properties.items() %}{{ p }}{% if p not in t.parameters.required %}?{% endif %}: {{ q.type }}{{ ', ' if not loop.last }}{%- endfor %}{%- endfor %}",
]

REAL = {
    "chatml": "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "phi-4": "{% for message in messages %}{% if (message['role'] == 'system') %}{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}{% elif (message['role'] == 'user') %}{{'<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|>'}}{% elif (message['role'] == 'assistant') %}{{'<|im_start|>assistant<|im_sep|>' + message['content'] + '<|im_end|>'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
    "phi-4-mini": "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}",
    "gemma-2": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
    "llama-3": "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
}

# Short conversations for the real templates.
CHATS = [
    [{"role": "user", "content": " Hi "}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello\n"}, {"role": "user", "content": "日本\u3000"}],
    [{"role": "assistant", "content": "Hello"}],
    [{"role": "user", "content": None}],
    [],
]


def cases():
    """(template, line) of all."""
    for expression in EXPRESSIONS:
        yield "{{ " + expression + " }}", CHAT
    for block in BLOCKS:
        yield block, CHAT
    for template in REAL.values():
        for messages in CHATS:
            for add in (False, True):
                yield template, {"messages": messages, "add_generation_prompt": add, "bos_token": "<s>", "eos_token": "</s>"}
