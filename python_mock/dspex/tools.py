"""The tools that a `react` program may use: functions by name, with type hints and a docstring that the model reads.

    from dspex.tools import tool

    @tool
    def population(city: str) -> int:
        "How many people live in a city."

A file of such functions is given to the bridge: `dspy_bridge.py --tools my_tools.py`. A program names those it may
use; whatever a tool raises is told to the model, not to the caller.
"""

import ast
import importlib.util
import operator

from .checks import invalid

_TOOLS = {}


def tool(function):
    """Decorator: this function is a tool."""
    _TOOLS[function.__name__] = function
    return function


def find_tools(names):
    """Those functions; all that there are if names is None."""
    return list(_TOOLS.values()) if names is None else [_TOOLS[name] for name in names]


def check_tools(names):
    """The names if they are a list of known ones; None, which means all, passes."""
    if names is None:
        return None
    unknown = [name for name in names if name not in _TOOLS] if isinstance(names, list) else [names]
    if unknown:
        raise invalid("no tool %r; there are: %s" % (unknown[0], ", ".join(sorted(_TOOLS))))
    return names


def load_tools(path):
    """Run a file that defines tools."""
    specification = importlib.util.spec_from_file_location("ordeal_tools", path)
    if specification is None or specification.loader is None:
        raise SystemExit("--tools %s: not a Python file" % path)
    specification.loader.exec_module(importlib.util.module_from_spec(specification))


_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@tool
def calculate(expression: str) -> float:
    """The value of an arithmetic expression of numbers with + - * / // % and brackets."""
    return _value(ast.parse(expression.strip(), mode="eval").body)


def _value(node):
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.operand))
    raise ValueError("only numbers, + - * / // % and brackets, not " + type(node).__name__)
