"""A checkout as rules see it: files with their text, and their code without comments, strings."""
import io
import os
import re
import subprocess
import tokenize
from collections import namedtuple

# `line` 0: the file as a whole. Warnings are shown and fail nothing.
Finding = namedtuple("Finding", "rule path line message warning")
Finding.__new__.__defaults__ = (False,)

KINDS = {
    ".cpp": "cpp", ".cc": "cpp", ".hpp": "cpp", ".h": "cpp",
    ".py": "python", ".sh": "shell", ".cmake": "cmake", ".md": "markdown", ".toml": "toml",
}


class File:
    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.kind = KINDS.get(os.path.splitext(path)[1], "other")
        if os.path.basename(path) == "CMakeLists.txt":
            self.kind = "cmake"
        elif self.kind == "other" and re.match(r"#!.*\b(ba)?sh\b", self.lines[0]):
            self.kind = "shell"
        elif self.kind == "other" and re.match(r"#!.*\bpython", self.lines[0]):
            self.kind = "python"
        self._code = None

    @property
    def parts(self):
        return self.path.split("/")

    @property
    def is_test(self):
        return "tests" in self.parts[:-1]

    @property
    def code(self):
        """The text with comments blanked out (and strings, in C++ and Python), line for line."""
        if self._code is None:
            blank = {"cpp": blank_cpp, "python": blank_python, "shell": blank_hashes,
                     "cmake": blank_hashes}
            self._code = blank.get(self.kind, str)(self.text)
        return self._code

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


class Tree:
    def __init__(self, files):
        self.files = {file.path: file for file in files}

    def of_kind(self, *kinds):
        return [file for file in self.files.values() if file.kind in kinds]


def _blanked(text):
    return "\n".join(" " * len(line) for line in text.split("\n"))


CPP_TOKEN = re.compile(
    r"""//(?:[^\n\\]|\\.|\\\n)*            # line comment
      | /\*.*?\*/                          # block comment
      | R"(?P<d>[^\s()\\]{0,16})\(.*?\)(?P=d)"   # raw string
      | "(?:[^"\\\n]|\\.|\\\n)*"           # string
      | (?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+'   # character; 1'000 is a number
    """, re.VERBOSE | re.DOTALL)


def blank_cpp(text):
    return CPP_TOKEN.sub(lambda match: _blanked(match.group()), text)


def blank_hashes(text):
    return re.sub(r"(?m)(?:^|(?<=\s))#.*$", lambda match: _blanked(match.group()), text)


def blank_python(text):
    lines = text.split("\n")
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in (tokenize.COMMENT, tokenize.STRING):
                continue
            (first, start), (last, end) = token.start, token.end
            for number in range(first, last + 1):
                line = lines[number - 1]
                left = start if number == first else 0
                right = end if number == last else len(line)
                lines[number - 1] = line[:left] + " " * (right - left) + line[right:]
    except (tokenize.TokenError, SyntaxError):
        pass  # python_syntax reports the file; the text as it stands is checked too strictly
    return "\n".join(lines)


def listed_files(root):
    """What git knows or would add; without git, whatever is there but for builds and caches."""
    command = ["git", "-C", root, "-c", "safe.directory=" + os.path.abspath(root), "ls-files", "-z",
               "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=True)
        return sorted({path for path in done.stdout.decode().split("\0") if path})
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(root):
            relative = os.path.relpath(folder, root)
            folders[:] = [name for name in folders if name not in (".git", "__pycache__", ".cache")
                          and not (relative == "." and name.startswith("build"))]
            found += [os.path.normpath(os.path.join(relative, name)) for name in names
                      if not name.endswith(".pyc")]
        return sorted(found)


def read_tree(root):
    files = []
    for path in listed_files(root):
        try:
            with open(os.path.join(root, path), encoding="utf-8", newline="") as stream:
                files.append(File(path, stream.read()))
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # recorded bytes, or deleted and not yet committed
    return Tree(files)
