"""Names of fields as a DSPy signature may have them."""

import re

_TAKEN_NAMES = (
    "signature", "new_signature", "demos", "config", "lm", "prediction", "reasoning", "completed", "trajectory",
    "next_thought", "next_tool_name", "next_tool_args", "max_iters", "self",
)
"""Words that a call of a DSPy module takes for itself, or that its prompt uses."""


def sanitized_names(names):
    """Each name and the identifier that stands for it in a DSPy signature; different names get different ones."""
    mapping = {}
    for name in names:
        candidate = re.sub(r"\W", "_", name, flags=re.ASCII)
        if not re.match(r"[A-Za-z]", candidate):
            candidate = "field_" + candidate.lstrip("_")
        while candidate in mapping.values() or candidate in _TAKEN_NAMES:
            candidate += "_"
        mapping[name] = candidate
    return mapping
