"""Mutants: seeded bugs of the pool, each a small patch with a head that says what it breaks.

    breaks: a reply with another id is taken for the awaited one
    cites: invariant:11 bug:2
    killers: wire_property_test:AnyReply.* pool_zoo_test

    --- a/pool/wire/exchange.cpp
    +++ b/pool/wire/exchange.cpp
    @@ judge
     context
    -sound
    +broken

A hunk is found by its text, not by its line numbers, which need not be there: others change the same
files. Blanks do not count; if its context does not match either, it is left off from the outside, as
long as what remains is found exactly once. A patch that cannot be applied is an error that names it.
"""
import os
import re
from collections import namedtuple

from results import Trouble

# `hunks`: [(path, lines to find, how many of the first and last are context, lines to put there)].
Mutant = namedtuple("Mutant", "name area breaks cites killers hunks text")
Hunk = namedtuple("Hunk", "path lines")  # lines: [(sign, text)]
HEADS = ("breaks", "cites", "killers")


def parse(path):
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    name = os.path.basename(path)[:-len(".patch")]
    heads, hunks, target = {}, [], None
    for line in text.splitlines():
        head = re.match(r"(\w+): (.+)", line)
        if target is None and head and head.group(1) in HEADS:
            heads[head.group(1)] = head.group(2)
        elif line.startswith("+++ b/"):
            target = line[len("+++ b/"):].strip()
        elif line.startswith("@@"):
            hunks.append(Hunk(target, []))
        elif hunks and not line.startswith("---") and (line == "" or line[0] in " -+"):
            hunks[-1].lines.append((line[:1] or " ", line[1:]))
    missing = [head for head in HEADS if head not in heads]
    if missing or not hunks or any(hunk.path is None for hunk in hunks):
        raise Trouble("mutant %s: no %s" % (name, ", ".join(missing) or "hunk"))
    area = os.path.basename(os.path.dirname(path))
    return Mutant(name, area, heads["breaks"], heads["cites"].split(), heads["killers"].split(), hunks, text)


def read_all(folder):
    found = [parse(os.path.join(where, name)) for where, _, names in sorted(os.walk(folder))
             for name in sorted(names) if name.endswith(".patch")]
    names = [mutant.name for mutant in found]
    for name in names:
        if names.count(name) > 1:
            raise Trouble("mutant %s: two patches have that name" % name)
    return found


def _same(one, other):
    return "".join(one.split()) == "".join(other.split())


def _places(lines, wanted):
    return [at for at in range(len(lines) - len(wanted) + 1)
            if all(_same(lines[at + i], text) for i, text in enumerate(wanted))]


def _apply(lines, hunk):
    """The lines with this hunk applied, or None."""
    signed = list(hunk.lines)
    while True:
        old = [text for sign, text in signed if sign != "+"]
        places = _places(lines, old) if old else []
        if len(places) == 1:
            at = places[0]
            kept = iter(lines[at:at + len(old)])  # context stays as the file has it
            new = []
            for sign, text in signed:
                if sign == "+":
                    new.append(text)
                elif sign == " ":
                    new.append(next(kept))
                else:
                    next(kept)
            return lines[:at] + new + lines[at + len(old):]
        first, last = signed[0][0] == " ", signed[-1][0] == " "
        if len(places) > 1 or not (first or last):
            return None
        signed = signed[1:] if first else signed
        signed = signed[:-1] if last and signed else signed


def apply(mutant, root):
    """{path: text of the mutated file}."""
    changed = {}
    for number, hunk in enumerate(mutant.hunks, 1):
        if hunk.path not in changed:
            try:
                with open(os.path.join(root, hunk.path), encoding="utf-8") as stream:
                    changed[hunk.path] = stream.read().split("\n")
            except OSError as error:
                raise Trouble("mutant %s no longer applies: %s" % (mutant.name, error))
        lines = _apply(changed[hunk.path], hunk)
        if lines is None:
            raise Trouble("mutant %s no longer applies: hunk %d of %s is not found exactly once" % (
                mutant.name, number, hunk.path))
        changed[hunk.path] = lines
    return {path: "\n".join(lines) for path, lines in changed.items()}
