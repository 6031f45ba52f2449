"""What the stand-in has seen: which requests came, which were answered, which are held. For tests that count.

Invariant: a request is counted before its fault is looked up, so who is told of a fault can rely on the count.
"""

import threading
from collections import OrderedDict

TEXTS_MAX = 100_000
"""Prompts remembered; older ones are forgotten, and then the count of those is too small: said by `forgotten`."""


class Ledger:
    def __init__(self):
        self._changed = threading.Condition()
        self._texts = OrderedDict()  # Prompt: how often.
        self._received = self._answered = self._held = self._forgotten = self._released = 0
        self._by_fault = {}

    def receive(self, text):
        with self._changed:
            self._received += 1
            self._texts[text] = self._texts.pop(text, 0) + 1
            if len(self._texts) > TEXTS_MAX:
                self._texts.popitem(last=False)
                self._forgotten += 1

    def answer(self):
        with self._changed:
            self._answered += 1

    def strike(self, kind):
        with self._changed:
            self._by_fault[kind] = self._by_fault.get(kind, 0) + 1

    def hold(self):
        """Returns when somebody releases."""
        with self._changed:
            self._held += 1
            generation = self._released
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._released != generation)
            self._held -= 1
            self._changed.notify_all()

    def release(self):
        with self._changed:
            let_go = self._held
            self._released += 1
            self._changed.notify_all()
            return let_go

    def await_held(self, count, timeout_s):
        """Whether so many requests are held, within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held >= count, timeout_s)

    def told(self, contains=""):
        with self._changed:
            return {
                "received": self._received,
                "answered": self._answered,
                "held": self._held,
                "matching": sum(times for text, times in self._texts.items() if contains in text),
                "repeated": sum(times > 1 for text, times in self._texts.items() if contains in text),
                "forgotten": self._forgotten,
                "faults": dict(self._by_fault),
            }
