"""Values that follow a schema: JSON Schema, or Gemini's own subset of OpenAPI (types in capitals, `nullable`).

Invariants: the same schema and inputs give the same value; a schema that can be followed is followed to its bounds
(required and other properties, enum, const, items, minItems, minimum, pattern-free strings); one that cannot is a
Refusal, as with Gemini.
"""

from dspex.answers import answer

from .refusal import invalid

MAX_DEPTH = 16
_KINDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def follow(schema, name, inputs, root=None, depth=0):
    """The value called `name` that follows this schema."""
    root = schema if root is None else root
    if schema is True or schema == {}:
        return answer(name, "str", inputs)
    if not isinstance(schema, dict):
        raise invalid("the response schema of '%s' is not an object" % name)
    if depth > MAX_DEPTH:
        raise invalid("the response schema is nested deeper than %d at '%s'" % (MAX_DEPTH, name))
    if "$ref" in schema:
        return follow(_referenced(schema["$ref"], root), name, inputs, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return follow(_first_that_says_something(schema[choice]), name, inputs, root, depth + 1)
    return _of_type(schema, _type_of(schema, name), name, inputs, root, depth)


def _of_type(schema, kind, name, inputs, root, depth):
    if kind == "object":
        properties = schema.get("properties") or {}
        if not properties and schema.get("additionalProperties", True) is not False:
            return answer(name, "dict", inputs)
        order = schema.get("propertyOrdering") or list(properties)
        return {each: follow(properties[each], each, inputs, root, depth + 1) for each in order if each in properties}
    if kind == "array":
        items = schema.get("items", True)
        count = max(1, int(schema.get("minItems", 1)))
        if items is True or items == {} or _is_plain_text(items):
            return answer(name, "list", inputs) * count
        return [follow(items, name, inputs, root, depth + 1) for _ in range(count)]
    if kind == "null":
        return None
    return _within(answer(name, _KINDS[kind], inputs), schema)


def _type_of(schema, name):
    kind = schema.get("type")
    if isinstance(kind, list):  # JSON Schema's ["string", "null"].
        kind = next((each for each in kind if str(each).lower() != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    kind = str(kind).lower()
    if kind not in ("object", "array", "null") and kind not in _KINDS:
        raise invalid("the response schema of '%s' has the unknown type '%s'" % (name, kind))
    return kind


def _within(value, schema):
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        value = value.ljust(int(schema.get("minLength") or 0), "_")
        return value[: int(schema["maxLength"])] if schema.get("maxLength") is not None else value
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and value < low:
        value = type(value)(low)
    if high is not None and value > high:
        value = type(value)(high)
    return value


def _is_plain_text(items):
    return isinstance(items, dict) and str(items.get("type", "")).lower() == "string" and not items.get("enum")


def _first_that_says_something(choices):
    """Of the alternatives the first that is not null: what says nothing tests nothing."""
    return next((each for each in choices if str(dict(each).get("type", "")).lower() != "null"), choices[0])


def _referenced(reference, root):
    found = root
    for part in str(reference).lstrip("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    if found is None:
        raise invalid("the response schema refers to '%s', which is not there" % reference)
    return found
