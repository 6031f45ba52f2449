"""How text is written: columns, blanks, guards, words of unfinished work, Python's version."""
import ast
import re

from .source import Finding

COLUMNS_MAX = {"cpp": 100, "shell": 100, "python": 120}
PYTHON_VERSION = (3, 8)  # the worker kit's promise (DESIGN section 2), kept by all Python here

# In two halves, so that this file does not hold them.
UNFINISHED_WORDS = ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")
FILLER = "place" "holder"
UNFINISHED = re.compile(r"\b(%s)\b|\b(?i:%s)\b" % ("|".join(UNFINISHED_WORDS), FILLER))


def columns(tree):
    for file in tree.of_kind(*COLUMNS_MAX):
        limit = COLUMNS_MAX[file.kind]
        for number, line in enumerate(file.lines, 1):
            if len(line) > limit:
                yield Finding("columns", file.path, number,
                              "%d columns, at most %d" % (len(line), limit))


def blanks(tree):
    for file in tree.of_kind("cpp", "python", "shell", "cmake", "markdown", "toml"):
        for number, line in enumerate(file.lines, 1):
            if line != line.rstrip():
                yield Finding("blanks", file.path, number, "trailing blank")
            if "\t" in line and file.kind in ("cpp", "python"):
                yield Finding("blanks", file.path, number, "tab")
        if file.text and (not file.text.endswith("\n") or file.text.endswith("\n\n")):
            yield Finding("blanks", file.path, len(file.lines), "end the file with one line break")


def pragma_once(tree):
    for file in tree.of_kind("cpp"):
        # A whole line of text is a line of code, but where it may be inside of something longer.
        plain = not any(begin in file.text for begin in ("/*", 'R"', "\\\n"))
        if file.path.endswith((".hpp", ".h")) and not re.search(
                r"(?m)^#pragma once$", file.text if plain else file.code):
            yield Finding("pragma_once", file.path, 0, "no #pragma once")


def words(tree):
    for file in tree.of_kind("cpp", "python", "shell", "cmake", "markdown", "toml"):
        # Finding out that a file has none of them is what costs little.
        if not any(word in file.text for word in UNFINISHED_WORDS) and FILLER not in file.text.lower():
            continue
        for number, line in enumerate(file.lines, 1):
            match = UNFINISHED.search(line)
            if match:
                yield Finding("words", file.path, number,
                              "'%s': finish it, or say plainly what is missing" % match.group())


def python_syntax(tree):
    for file in tree.of_kind("python"):
        try:
            ast.parse(file.text, file.path, feature_version=PYTHON_VERSION)
        except SyntaxError as error:
            yield Finding("python_syntax", file.path, error.lineno or 0,
                          "not Python %d.%d: %s" % (PYTHON_VERSION + (error.msg,)))
