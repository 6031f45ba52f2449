"""Where files are, how long they are, and that the build knows them."""
import os
import re

from .source import Finding

# DESIGN, section 2: exactly these.
TOP_LEVEL = {"CMakeLists.txt", "pool", "testing", "chaos", "perf", "baselines", "python_mock",
             "scripts", "README.md", ".ci", ".clang-format", ".clang-tidy", ".gitignore"}
TOP_LEVEL_OPTIONAL = {".github"}

LINES_MAX = 750
LINES_WARN = 300


def top_level(tree):
    present = {path.split("/")[0] for path in tree.files}
    for name in sorted(present - TOP_LEVEL - TOP_LEVEL_OPTIONAL):
        yield Finding("top_level", name, 0, "does not belong at the top level (DESIGN section 2)")
    for name in sorted(TOP_LEVEL - present):
        yield Finding("top_level", name, 0, "is missing at the top level (DESIGN section 2)")


def file_size(tree):
    for file in tree.of_kind("cpp", "python", "shell", "cmake"):
        count = file.text.count("\n")
        if count > LINES_MAX:
            yield Finding("file_size", file.path, 0, "%d lines, at most %d" % (count, LINES_MAX))
        elif count > LINES_WARN:
            yield Finding("file_size", file.path, 0,
                          "%d lines; beyond %d look for a second idea in it" % (count, LINES_WARN),
                          True)


FOREACH = re.compile(r"(?s)\bforeach\s*\(\s*(\w+)\s+(?:IN\s+ITEMS\s+)?([^)]*)\)(.*?)\bendforeach")


def _words(code):
    """What a CMakeLists.txt names, with its foreach loops over plain items written out."""
    code = code.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "")
    code = FOREACH.sub(lambda loop: "\n".join(
        loop.group(3).replace("${%s}" % loop.group(1), item)
        for item in loop.group(2).split()), code)
    return set(re.split(r'[\s()"]+', code))


def unregistered(tree):
    """A C++ source that no CMakeLists.txt at or above its folder names is never built."""
    words = {}
    for file in tree.of_kind("cmake"):
        if os.path.basename(file.path) == "CMakeLists.txt":
            words[os.path.dirname(file.path)] = _words(file.code)
    for file in tree.of_kind("cpp"):
        if not file.path.endswith((".cpp", ".cc")):
            continue
        folder = os.path.dirname(file.path)
        while True:
            if os.path.relpath(file.path, folder or ".") in words.get(folder, ()):
                break
            if not folder:
                what = "this test never runs" if file.path.endswith("_test.cpp") else "dead file"
                yield Finding("unregistered", file.path, 0, "no CMakeLists.txt names it: " + what)
                break
            folder = os.path.dirname(folder)
