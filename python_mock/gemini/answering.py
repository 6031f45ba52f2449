"""From a generateContent request to the text that answers it: deterministic, and in the form that was asked for.

It reads DSPy's prompts: the output fields that they ask for, with their types, and the inputs. The values are those of
dspex/answers.py: what the mock bridge answers to the same text inputs, a DSPy program run against this answers, too.
In order: JSON mode with a schema follows the schema; DSPy's fields come as `[[ ## field ## ]]`, or in JSON mode as one
object; a prompt of another kind gets one line of text.
"""

import ast
import json
import re

from dspex.answers import answer

from .refusal import invalid
from .schema import follow

_OUTPUT_FIELDS = re.compile(r"Your output fields are:\n(.*?)\nAll interactions", re.DOTALL)
_FIELD_LINE = re.compile(r"^\d+\. `(\w+)` \((.+?)\):", re.MULTILINE)
_HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\]\n", re.MULTILINE)
_REQUIREMENTS = re.compile(r"\n\nRespond with (?:the corresponding output fields|a JSON object)")
_TOOL = re.compile(
    r"^\(\d+\) (\w+)(?:, whose description is <desc>[\s\S]*?</desc>)?\. It takes arguments (\{.*\})\.$", re.MULTILINE
)
_CHARACTERS_PER_TOKEN = 4


class Prompt:
    """What a request asks."""

    def __init__(self, request):
        if not isinstance(request, dict) or not isinstance(request.get("contents"), list) or not request["contents"]:
            raise invalid("contents is not specified")
        # LiteLLM sends the system prompt apart, or as the first part of the user's, depending on the model.
        self.texts = texts_of(request.get("system_instruction") or request.get("systemInstruction"))
        self.texts += texts_of(request["contents"][-1])
        self.last = self.texts[-1] if self.texts else ""
        self.whole = "\n".join(self.texts)
        self.fields = _requested_fields(self.whole)
        self.inputs = _given_inputs(self.last) if self.fields else {"prompt": self.last}
        self.config = _config(request)

    def tokens(self):
        return count_tokens(self.whole)


def generate(prompt, number=0):
    """The text of candidate `number`."""
    inputs = dict(prompt.inputs, candidate=number) if number else prompt.inputs
    schema = prompt.config["schema"]
    if schema is not None:
        return json.dumps(follow(schema, "text", inputs), ensure_ascii=False)
    values = {name: value_of(name, type_name, inputs, prompt) for name, type_name in prompt.fields}
    if prompt.config["json"]:
        return json.dumps(values or {"text": answer("text", "str", inputs)}, ensure_ascii=False)
    if not values:
        return answer("text", "str", inputs)
    parts = ["[[ ## %s ## ]]\n%s\n" % (name, _as_text(value)) for name, value in values.items()]
    return "\n".join(parts + ["[[ ## completed ## ]]"])


def count_tokens(text):
    return max(1, -(-len(text) // _CHARACTERS_PER_TOKEN))


def cut_to_tokens(text, tokens):
    return text[: tokens * _CHARACTERS_PER_TOKEN]


def texts_of(content):
    """The text of each part of one content. Its shape is the caller's; what has another shape has no text."""
    parts = content.get("parts") if isinstance(content, dict) else None
    parts = [parts] if isinstance(parts, dict) else parts if isinstance(parts, list) else []
    return [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]


def value_of(name, type_name, inputs, prompt):
    if name == "next_tool_name" and type_name.startswith("Literal["):
        return _next_tool(ast.literal_eval(type_name[len("Literal"):]), inputs)
    if name == "next_tool_args":
        return _tool_arguments(prompt, inputs)
    if type_name.startswith("Literal["):
        return ast.literal_eval(type_name[len("Literal"):])[0]
    return answer(name, type_name, inputs)


def _next_tool(names, inputs):
    """An agent of DSPy's ReAct: each tool once, in their order, then the end."""
    tried = [value for name, value in inputs.items() if name.startswith("tool_name_")]
    untried = [name for name in names if name not in tried and name != "finish"]
    return untried[0] if untried else "finish"


def _tool_arguments(prompt, inputs):
    names = dict(prompt.fields).get("next_tool_name", "")
    chosen = _next_tool(ast.literal_eval(names[len("Literal"):]), inputs) if names.startswith("Literal[") else "finish"
    for name, arguments in _TOOL.findall(prompt.whole):
        if name == chosen:
            try:
                schemas = ast.literal_eval(arguments)
            except (ValueError, SyntaxError):
                return {}
            return {each: follow(schema, each, inputs) for each, schema in schemas.items()}
    return {}


def _requested_fields(text):
    """[(name, type)] of the output fields that DSPy describes."""
    section = _OUTPUT_FIELDS.search(text)
    return _FIELD_LINE.findall(section.group(1) + "\n") if section else []


def _given_inputs(prompt):
    """The inputs as DSPy has written them into the prompt."""
    pieces = _HEADER.split(_REQUIREMENTS.split(prompt)[0])
    return {name: value.strip() for name, value in zip(pieces[1::2], pieces[2::2])}


def _as_text(value):
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def _config(request):
    """What of generationConfig changes the answer, checked as Gemini checks it."""
    given = request.get("generationConfig") or request.get("generation_config") or {}
    if not isinstance(given, dict):
        raise invalid("generationConfig is not an object")

    def get(camel):
        return given.get(camel, given.get(re.sub("([A-Z])", lambda found: "_" + found[1].lower(), camel)))

    mime_type = get("responseMimeType") or "text/plain"
    if mime_type not in ("text/plain", "application/json"):
        raise invalid("response_mime_type '%s' is not supported; allowed: text/plain, application/json" % mime_type)
    schema = get("responseSchema") or get("responseJsonSchema")
    if schema is not None and mime_type != "application/json":
        raise invalid("a response schema needs response_mime_type application/json")
    return {
        "json": mime_type == "application/json",
        "schema": schema,
        "candidates": _number(get("candidateCount"), "candidate_count", 1, 8, 1),
        "tokens_max": _number(get("maxOutputTokens"), "max_output_tokens", 1, 1 << 20, None),
        "temperature": _number(get("temperature"), "temperature", 0, 2, None),
    }


def _number(value, name, low, high, default):
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise invalid("%s is %r, allowed %d to %d" % (name, value, low, high))
    return value
