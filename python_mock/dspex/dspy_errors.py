"""What went wrong between DSPy and the model, as errors that a host can act on.

| type                       | retryable | what it means                                                       |
|---|---|---|
| LMRateLimitError           | yes       | 429; `retry_after_s` is in the message if the model said it          |
| LMTimeoutError             | yes       | no answer in the time that the request had, or 408, 504              |
| LMServerError              | yes       | 5xx                                                                  |
| LMTransportError           | yes       | no connection, or it ended before the answer                         |
| LMMalformedResponseError   | yes       | an answer that is not what the API promises                          |
| LMEmptyResponseError       | yes       | an answer without a candidate                                        |
| AdapterParseError          | if the temperature is not 0 | text that has not the fields; also asked for as JSON |
| LMAuthError                | no        | the key is missing, wrong, or may not                                |
| LMInvalidRequestError      | no        | the model refuses the request as it is                               |
| LMUnsupportedModelError    | no        | there is no such model                                               |
| ContextWindowExceededError | no        | the prompt is too long                                               |
| LMContentBlockedError      | no        | prompt or answer was blocked                                         |
| LMOutputTruncatedError     | no        | the answer was cut off at the longest allowed                        |
"""

import re

import dspy
from dspy.utils.exceptions import AdapterParseError

from ordeal_worker import WorkerError

HIDDEN_KEY = "(key)"
_RETRY_DELAY = re.compile(r'"retryDelay":\s*"([0-9.]+)s"')
_UNREADABLE = "Error converting to valid response block"  # LiteLLM's words for a body that is no answer.
_FORBIDDEN = (401, 403)
_BLOCKED = ("content_filter", "content_filtered", "safety")
_CUT_OFF = ("length", "max_tokens")


def as_worker_error(error, history, settings):
    """The same failure as a WorkerError, with the key cut out of its text."""
    kind, retryable = _kind(error, history, settings)
    text = str(error)
    delay = _RETRY_DELAY.search(text)
    if settings.get("api_key"):
        text = text.replace(settings["api_key"], HIDDEN_KEY)
    message = "Program execution failed: %s: %s" % (kind, text)
    return WorkerError(message, type=kind, retryable=retryable, retry_after_s=float(delay.group(1)) if delay else None)


def empty_answer():
    message = "Program execution failed: LMEmptyResponseError: the model's answer has no candidate"
    return WorkerError(message, type="LMEmptyResponseError", retryable=True)


def is_final(history):
    """Whether asking again, in another form, would be for nothing."""
    return _finish(history) in _BLOCKED + _CUT_OFF


def describe_usage(history):
    """What the calls of one execution took. cost_usd: None if the price of one of them is not known."""
    usages = [dict(entry.get("usage") or {}) for entry in history]
    costs = [entry.get("cost") for entry in history]
    told = {name: sum(usage.get(name) or 0 for usage in usages) for name in ("prompt_tokens", "completion_tokens")}
    told["total_tokens"] = sum(told.values())
    told["calls"] = len(history)
    told["cost_usd"] = None if None in costs else sum(costs)
    return told


def _kind(error, history, settings):
    """(type, retryable)"""
    if isinstance(error, AdapterParseError):
        finish = _finish(history)
        if finish in _BLOCKED:
            return "LMContentBlockedError", False
        if finish in _CUT_OFF:
            return "LMOutputTruncatedError", False
        return "AdapterParseError", bool(settings.get("temperature"))
    if not isinstance(error, dspy.LMError):
        return type(error).__name__, False
    if getattr(error, "status", None) in _FORBIDDEN:
        return "LMAuthError", False
    if isinstance(error, dspy.LMInvalidRequestError) and _UNREADABLE in str(error):
        return "LMMalformedResponseError", True
    return type(error).__name__, bool(dspy.is_retryable_lm_error(error))


def _finish(history):
    """Why the last answer ended."""
    response = history[-1].get("response") if history else None
    choices = getattr(response, "choices", None) or []
    return str(getattr(choices[0], "finish_reason", "")).lower() if choices else ""
