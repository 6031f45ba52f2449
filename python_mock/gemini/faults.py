"""Scripted faults of the model's endpoint: what the next requests meet instead of an answer.

    {"kind": "rate_limit", "times": 2, "retry_after_ms": 500}     the next two; then all is well
    {"kind": "latency", "ms": 300, "times": null}                 all, until cleared
    {"kind": "drop", "skip": 5, "contains": "why?"}               the sixth whose text has "why?"

Invariant: what a script does depends on the order of the requests alone, never on time or chance.
"""

import threading

from .refusal import STATUS_NAMES, Refusal

_COMMON = {"kind": str, "times": (int, type(None)), "skip": int, "contains": str, "model": str}

KINDS = {
    "latency": ({"ms": int}, "answers after that time"),
    "hold": ({}, "answers when it is released, or not at all"),
    "rate_limit": ({"retry_after_ms": int}, "429 with RetryInfo and the quota that is used up"),
    "error": ({"status": int, "message": str}, "that HTTP status (500), in Gemini's words"),
    "drop": ({"after_bytes": int}, "the connection ends before the answer, or after so many bytes of it"),
    "malformed": ({"body": str}, "200 with a body that is no JSON, or that body"),
    "blocked": ({"where": str, "reason": str}, "the prompt, or the answer (where), is blocked: SAFETY, or that reason"),
    "empty": ({}, "200 without a candidate"),
    "off_form": ({}, "text that is not in the form that was asked for"),
}


class BadFault(ValueError):
    """A fault that cannot be understood; the message says what is allowed."""


class Fault:
    """One entry of the script."""

    def __init__(self, number, given):
        if not isinstance(given, dict) or given.get("kind") not in KINDS:
            raise BadFault("a fault needs a kind, one of: %s" % ", ".join(KINDS))
        allowed = dict(_COMMON, **KINDS[given["kind"]][0])
        for name, value in given.items():
            if name not in allowed:
                raise BadFault("%s has no '%s'; allowed: %s" % (given["kind"], name, ", ".join(sorted(allowed))))
            if not isinstance(value, allowed[name]) or isinstance(value, bool) or _is_negative(value):
                raise BadFault("%s: %s is %r" % (given["kind"], name, value))
        self.number = number
        self.kind = given["kind"]
        self.values = given
        self.left = given.get("times", 1)
        self.skip = given.get("skip", 0)
        self.used = 0
        if self.kind == "error" and given.get("status", 500) not in STATUS_NAMES:
            raise BadFault("error: status is %r, one of: %s" % (given["status"], ", ".join(map(str, STATUS_NAMES))))
        if self.kind == "blocked" and given.get("where", "prompt") not in ("prompt", "answer"):
            raise BadFault("blocked: where is %r, one of: prompt, answer" % given["where"])

    def strikes(self, model, text):
        """Whether it strikes this request. Asked once for each."""
        if self.left == 0 or self.values.get("contains", "") not in text:
            return False
        if self.values.get("model", model) != model:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        self.used += 1
        return True

    def refusal(self):
        """For the kinds that are an error answer."""
        if self.kind == "rate_limit":
            return rate_limited(self.values.get("retry_after_ms", 1000))
        status = self.values.get("status", 500)
        return Refusal(status, self.values.get("message", "scripted: %s" % STATUS_NAMES[status]))

    def told(self):
        return dict(self.values, number=self.number, used=self.used, left=self.left)


def rate_limited(retry_after_ms):
    google = "type.googleapis.com/google.rpc."
    return Refusal(
        429,
        "You exceeded your current quota. Please retry in %gs." % (retry_after_ms / 1000),
        [
            {
                "@type": google + "QuotaFailure",
                "violations": [{"quotaMetric": "generate_content_requests", "quotaId": "RequestsPerMinute"}],
            },
            {"@type": google + "Help", "links": [{"description": "quotas", "url": "https://ai.google.dev/"}]},
            {"@type": google + "RetryInfo", "retryDelay": "%gs" % (retry_after_ms / 1000)},
        ],
    )


class Script:
    """The faults to come, in order: of several that would strike, the first does."""

    def __init__(self, faults=()):
        self._lock = threading.Lock()
        self._faults = []
        self._numbers = 0
        for fault in faults:
            self.add(fault)

    def add(self, given):
        with self._lock:
            fault = Fault(self._numbers + 1, given)
            self._numbers += 1
            self._faults.append(fault)
            return fault.number

    def clear(self):
        with self._lock:
            self._faults.clear()

    def take(self, model, text):
        """The fault that this request meets; None if it is answered."""
        with self._lock:
            return next((fault for fault in self._faults if fault.strikes(model, text)), None)

    def told(self):
        with self._lock:
            return [fault.told() for fault in self._faults]


def parse_fault(text):
    """A fault as a command line has it: kind, or kind:name=value,name=value."""
    kind, _, rest = text.partition(":")
    fault = {"kind": kind}
    for pair in filter(None, rest.split(",")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise BadFault("'%s' is not name=value" % pair)
        is_number = value.lstrip("-").isdigit() and name not in ("contains", "model", "message", "body", "reason")
        fault[name] = None if value == "always" else int(value) if is_number else value
    return fault


def _is_negative(value):
    return isinstance(value, int) and value < 0
