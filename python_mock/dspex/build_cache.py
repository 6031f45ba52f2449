"""Programs that were built, by what they are built from: a program that comes with each call is built once a worker.

Invariant: at most `entries_max`; the one not used for longest goes.
"""

import json
from collections import OrderedDict

ENTRIES_MAX = 256


class BuildCache:
    def __init__(self, build, entries_max=ENTRIES_MAX):
        self._build = build
        self._entries_max = entries_max
        self._entries = OrderedDict()
        self._built = self._found = 0

    def get(self, program):
        key = json.dumps(program.recipe(), sort_keys=True, separators=(",", ":"))
        if key in self._entries:
            self._found += 1
            self._entries.move_to_end(key)
        else:
            self._entries[key] = self._build(program)
            self._built += 1
            if len(self._entries) > self._entries_max:
                self._entries.popitem(last=False)
        return self._entries[key]

    def report(self):
        counts = {"entries": len(self._entries), "entries_max": self._entries_max}
        return dict(counts, built=self._built, found=self._found)
