"""A build tree as it is, and programs of it with a few objects exchanged, linked elsewhere.

A mutant costs the compilation of its source and a link of each program that is to kill it; the tree
itself is never touched. Programs and objects that have the path of an exchanged program compiled in
(the embedded warden, a host that a test kills) are rebuilt with the new path.
"""
import json
import os
import re
import shlex
import shutil
import subprocess

from results import Trouble

NAMED_PATH = re.compile(r'"(/[^"\\]+)\\?"')


def _joined(text):
    return text.replace("$\n", " ")


class BuildGraph:
    def __init__(self, build, root):
        self.build, self.root = build, root
        self.inputs = {}  # target: what ninja makes it of, relative to the tree
        with open(os.path.join(build, "build.ninja"), encoding="utf-8") as stream:
            for line in _joined(stream.read()).split("\n"):
                if line.startswith("build "):
                    outputs, _, rest = line[len("build "):].partition(": ")
                    needs = rest.split(" || ")[0].replace(" | ", " ").split()[1:]
                    self.inputs[outputs.split(" | ")[0].strip()] = [self._relative(need) for need in needs]
        with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as stream:
            entries = json.load(stream)
        # object: how it is compiled
        self.compiles = {}
        for entry in entries:
            words = shlex.split(entry["command"])
            self.compiles[self._relative(words[words.index("-o") + 1])] = entry
        self._links, self._reach, self._included = {}, {}, None

    def _relative(self, path):
        return os.path.relpath(path, self.build) if path.startswith(self.build + "/") else path

    def objects_of(self, source):
        """Objects compiled of a source, or of whatever includes a header."""
        path = os.path.join(self.root, source)
        if source.endswith(".hpp"):
            return [output for output, headers in self._headers().items() if path in headers]
        return [output for output, entry in self.compiles.items() if entry["file"] == path]

    def _headers(self):
        """{object: files that it was compiled of}, as ninja knows since the last build."""
        if self._included is None:
            done = subprocess.run(["ninja", "-C", self.build, "-t", "deps"], stdout=subprocess.PIPE,
                                  universal_newlines=True, check=True)
            self._included, files = {}, set()
            for line in done.stdout.split("\n"):
                if line.startswith("    "):
                    files.add(os.path.normpath(os.path.join(self.build, line.strip())))
                elif ": #deps" in line:
                    files = self._included.setdefault(line.partition(": #deps")[0], set())
            self._included = {output: found for output, found in self._included.items()
                              if output in self.compiles}
        return self._included

    def reach(self, target):
        """All objects in a program, those of its libraries included."""
        if target not in self._reach:
            found = set()
            for need in self.inputs.get(target, []):
                if need.endswith(".o"):
                    found.add(need)
                elif need.endswith(".a"):
                    found |= self.reach(need)
            self._reach[target] = found
        return self._reach[target]

    def named_programs(self, output):
        """Programs of this tree whose paths are compiled into an object."""
        names = {self._relative(path) for path in NAMED_PATH.findall(
            self.compiles[output]["command"].replace('\\"', '"'))}
        return {name for name in names if name in self.inputs}

    def exchanged(self, objects):
        """These objects, and those that name a program with one of them in it."""
        found = set(objects)
        while True:
            more = {output for output in self.compiles if output not in found
                    and any(self.reach(name) & found for name in self.named_programs(output))}
            if not more:
                return found
            found |= more

    def link_command(self, program):
        if program not in self._links:
            done = subprocess.run(["ninja", "-C", self.build, "-t", "commands", "-s", program],
                                  stdout=subprocess.PIPE, universal_newlines=True, check=True)
            self._links[program] = done.stdout.strip().split("\n")[-1]
        return self._links[program]


class ScriptExchange:
    """A mutant of Python: its tests run in a copy of what they and it are part of."""
    COPIED = ("scripts", os.path.join("testing", "cites"))

    def __init__(self, graph, folder, sources):
        self.graph = graph
        self.tree = os.path.join(folder, "tree")
        for part in self.COPIED:
            shutil.copytree(os.path.join(graph.root, part), os.path.join(self.tree, part),
                            ignore=shutil.ignore_patterns("__pycache__"))
        for path, text in sources.items():
            with open(os.path.join(self.tree, path), "w", encoding="utf-8") as stream:
                stream.write(text)

    def command(self, words):
        """The test's command, in the copy."""
        return [word.replace(self.graph.root + os.sep, self.tree + os.sep, 1) for word in words]


class Exchange:
    """One mutant's objects and programs, in a folder of its own, made when they are asked for."""

    def __init__(self, graph, folder, sources):
        self.graph, self.folder = graph, folder
        self.sources = sources  # {path in the checkout: text}
        self.made = {}
        changed = []
        for path, text in sources.items():
            outputs = graph.objects_of(path)
            if not outputs:
                raise Trouble("no object is compiled of " + path)
            changed += outputs
            place = os.path.join(folder, "src", path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as stream:
                stream.write(text)
        self.objects = graph.exchanged(changed)

    def affects(self, program):
        return bool(self.graph.reach(program) & self.objects)

    def _run(self, command, what):
        done = subprocess.run(command, cwd=self.graph.build, shell=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        if done.returncode:
            raise Trouble("%s cannot be built:\n%s" % (what, done.stdout[-3000:]))

    def _place(self, name):
        place = os.path.join(self.folder, name.replace("/", "__"))
        return place

    def object(self, output):
        if output not in self.made:
            entry = self.graph.compiles[output]
            place = self._place(output)
            command = entry["command"]
            for name in self.graph.named_programs(output):
                if self.affects(name):
                    command = command.replace(os.path.join(self.graph.build, name), self.program(name))
            source = os.path.relpath(entry["file"], self.graph.root)
            words = shlex.split(command)
            words[words.index("-o") + 1] = place
            if source in self.sources:
                words[words.index("-c") + 1] = os.path.join(self.folder, "src", source)
            if any(path.endswith(".hpp") for path in self.sources):
                words.insert(1, "-I" + os.path.join(self.folder, "src"))
            words.append("-Wno-error")  # what a mutant no longer uses is a warning
            self._run(" ".join(map(shlex.quote, words)), source)
            self.made[output] = place
        return self.made[output]

    def command(self, words):
        """The test's command, with the exchanged objects in its program."""
        name = os.path.relpath(words[0], self.graph.build)
        if not self.affects(name):
            raise Trouble("nothing of it is in " + name)
        return [self.program(name)] + words[1:]

    def program(self, name):
        """The path of this program with the exchanged objects in it."""
        if not self.affects(name):
            return os.path.join(self.graph.build, name)
        if name not in self.made:
            place = self._place(name)
            command = self.graph.link_command(name)
            extra = []
            for output in sorted(self.graph.reach(name) & self.objects):
                if re.search(r"(?<=\s)%s(?=\s)" % re.escape(output), command):
                    command = re.sub(r"(?<=\s)%s(?=\s)" % re.escape(output), self.object(output), command)
                else:
                    extra.append(self.object(output))  # before the library: its member stays out
            command = re.sub(r"(?<= -o )%s(?=\s)" % re.escape(name),
                             lambda _: "%s %s" % (place, " ".join(extra)), command)
            self._run(command, name)
            self.made[name] = place
        return self.made[name]
