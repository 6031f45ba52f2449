"""The rules of scripts/tidy.py: each is a function from a Tree to its Findings.

To add one: a function here or in a module beside this one, an entry in RULES, and an example that
must fail in scripts/tests/tidy_test.py (a test compares the two lists).
"""
from . import banned, layers, layout, text

RULES = {
    "top_level": layout.top_level,
    "file_size": layout.file_size,
    "unregistered": layout.unregistered,
    "layers": layers.layers,
    "columns": text.columns,
    "blanks": text.blanks,
    "pragma_once": text.pragma_once,
    "words": text.words,
    "python_syntax": text.python_syntax,
    "waits": banned.waits,
    "poll_timeout": banned.poll_timeout,
    "random": banned.random,
    "citations": banned.citations,
}
