"""Errors a handler may raise, and how any exception is told to the host.

Invariant: describe() never fails, and what it returns is bounded and can be encoded, whatever was raised.
"""

MAX_MESSAGE_CHARACTERS = 16 * 1024
MAX_TRACEBACK_CHARACTERS = 16 * 1024


class WorkerError(Exception):
    """An error reply with a type and a hint whether trying again may help. The worker is not at fault.

    retry_after_s: trying again before that time is over will not help. None: nobody knows.
    """

    def __init__(self, message, type="WorkerError", retryable=False, retry_after_s=None):
        super().__init__(message)
        self.type = type
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class Cancelled(WorkerError):
    """The handler gave up because the host cancelled the request."""

    def __init__(self, message="the request was cancelled"):
        super().__init__(message, type="Cancelled")


class TakeOver(BaseException):
    """Raised by a scripted fault which writes the reply itself, or writes none: `act` does it.

    An exception and not a return value, so that ordinary results are never asked whether they are one.
    Not an Exception, so that no handler swallows it.
    """

    def __init__(self, act):
        super().__init__("a scripted fault takes the reply over")
        self.act = act


def describe(error):
    """The error object of the wire: type, message, retryable, traceback (None where it says nothing new), and
    retry_after_ms where the handler knows it."""
    if isinstance(error, WorkerError):
        description = {
            "type": _clean(error.type, MAX_MESSAGE_CHARACTERS),
            "message": _message_of(error),
            "retryable": bool(error.retryable),
            "traceback": None,
        }
        if error.retry_after_s is not None:
            description["retry_after_ms"] = max(0, round(1000 * error.retry_after_s))
        return description
    return {
        "type": type(error).__name__,
        "message": _message_of(error),
        "retryable": False,
        "traceback": _traceback_of(error),
    }


def one_line(description):
    """The same as a DSPex bridge says it: one string."""
    return "%s: %s" % (description["type"], description["message"])


def _message_of(error):
    try:
        return _clean(str(error), MAX_MESSAGE_CHARACTERS)
    except BaseException as failure:  # The exception's own __str__ is broken.
        return "no message: its __str__ raised %s" % type(failure).__name__


def _traceback_of(error):
    try:
        import traceback  # Only now: it is slow to import, and a worker may never need it.

        # The first entry is the kit's own call of the handler.
        first = error.__traceback__ and error.__traceback__.tb_next
        lines = traceback.format_exception(type(error), error, first)
        return _clean("".join(lines)[-MAX_TRACEBACK_CHARACTERS:], MAX_TRACEBACK_CHARACTERS)
    except BaseException:  # Out of memory, or a broken __str__ again.
        return None


def _clean(text, limit):
    """Bounded, and free of lone surrogates."""
    text = str(text)[:limit]
    return text.encode("utf-8", "backslashreplace").decode()
