"""Answers for mocks: a pure function of the output field and the inputs, the same in any process and any language.

hash = CRC-32 (as in zlib) of the UTF-8 text  FIELD "\\n" JSON,  where JSON is the object of all inputs, members
sorted by name, no blanks, nothing escaped that need not be; an input that is not text stands there as the text
of its JSON. Then by the field's type:

    text    mock_response_FIELD_HASH        int   HASH mod 1000       float  (HASH mod 1000) / 10
    bool    whether HASH is even            list  [text]              dict   {"value": text}
"""

import json
import zlib

_KINDS = {
    "str": "text",
    "string": "text",
    "text": "text",
    "int": "int",
    "integer": "int",
    "float": "float",
    "number": "float",
    "bool": "bool",
    "boolean": "bool",
    "list": "list",
    "array": "list",
    "dict": "dict",
    "object": "dict",
}


def kind_of(type_name):
    """The kind of value that a type's name means, as DSPex or as Python writes it ("list[str]"); text if unknown."""
    return _KINDS.get(str(type_name).split("[")[0].strip().lower(), "text")


def stable_hash(field, inputs):
    texts = {name: value if isinstance(value, str) else _compact(value) for name, value in inputs.items()}
    return zlib.crc32(("%s\n%s" % (field, _compact(texts))).encode("utf-8", "surrogatepass"))


def answer(field, type_name, inputs):
    """The value of one output field."""
    number = stable_hash(field, inputs)
    text = "mock_response_%s_%d" % (field, number)
    return {
        "text": text,
        "int": number % 1000,
        "float": number % 1000 / 10,
        "bool": number % 2 == 0,
        "list": [text],
        "dict": {"value": text},
    }[kind_of(type_name)]


def _compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
