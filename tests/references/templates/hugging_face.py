"""jinja2, set up as Hugging Face's apply_chat_template sets it up: the reference of our own interpreter."""
import datetime
import json

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment


class GenerationTag(jinja2.ext.Extension):
    """{% generation %} ... {% endgeneration %} marks what the model wrote; its body runs as a caller."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller):
        return caller()


class Refused(jinja2.TemplateError):
    """What raise_exception raises."""


class Reference:
    def __init__(self, now_seconds):
        self.now = datetime.datetime.fromtimestamp(now_seconds, datetime.timezone.utc).replace(tzinfo=None)
        self.environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, jinja2.ext.loopcontrols])
        self.environment.filters["tojson"] = self.tojson
        self.environment.globals["raise_exception"] = self.raise_exception
        self.environment.globals["strftime_now"] = self.now.strftime

    @staticmethod
    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    @staticmethod
    def raise_exception(message):
        raise Refused(message)

    def parse(self, text):
        """The template, or the exception it does not parse with."""
        try:
            return self.environment.from_string(text)
        except Exception as error:  # noqa: BLE001: whatever jinja2 raises counts as "an error"
            return error

    def render(self, template, line):
        """{"prompt": ...}, {"refused": message} or {"error": text}."""
        if isinstance(template, Exception):
            return {"error": f"{type(template).__name__}: {template}"}
        variables = {"tools": None, "documents": None, "add_generation_prompt": False}
        variables.update({key: value for key, value in line.items() if key != "vars"})
        variables.update(line.get("vars") or {})
        try:
            return {"prompt": template.render(**variables)}
        except Refused as error:
            return {"refused": str(error)}
        except Exception as error:  # noqa: BLE001
            return {"error": f"{type(error).__name__}: {error}"}
