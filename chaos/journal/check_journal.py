"""Journals against chaos/journal/schema.json: check_journal.py JOURNAL...

Each line is one of the events, with the members that the schema has and no others; the first is run_started
with the schema's version, the last a verdict. A journal that could not be begun (an empty file) is refused, too.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {"integer": int, "text": str, "list": list, "object": dict, "flag": bool}


def is_of(value, name):
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name]) and (name != "integer" or not isinstance(value, bool))


def faults_of(line, members):
    for name, said in members.items():
        kind = said.split(":")[0]
        if name not in line:
            if not kind.endswith("?"):
                yield "%s is missing" % name
        elif not is_of(line[name], kind.rstrip("?")):
            yield "%s is %r, not: %s" % (name, line[name], said)
    for name in sorted(set(line) - set(members)):
        yield "%s is not in the schema" % name


def check(path, schema):
    with open(path, encoding="utf-8") as stream:
        lines = [json.loads(text) for text in stream]
    if not lines or lines[0]["event"] != "run_started" or lines[0]["schema"] != schema["schema"]:
        yield "%s: does not begin with run_started of schema %d" % (path, schema["schema"])
    if not lines or lines[-1]["event"] != "verdict":
        yield "%s: does not end with a verdict" % path
    for number, line in enumerate(lines, 1):
        event = schema["events"].get(line.get("event"))
        if event is None:
            yield "%s:%d: no such event: %r" % (path, number, line.get("event"))
            continue
        members = {name: said for name, said in event.items() if name != "about"}
        for fault in faults_of(line, dict(members, **schema["every line"])):
            yield "%s:%d: %s: %s" % (path, number, line["event"], fault)


def main():
    with open(os.path.join(HERE, "schema.json"), encoding="utf-8") as stream:
        schema = json.load(stream)
    found = [fault for path in sys.argv[1:] for fault in check(path, schema)]
    print("\n".join(found[:40]) or "%d journals follow schema %d" % (len(sys.argv) - 1, schema["schema"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
