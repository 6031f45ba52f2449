"""Arguments of faults, checked: a typing error in a test must be an error reply and not another fault."""

from ..errors import WorkerError

_NUMBERS = (int, float)


def number(args, name, default=0):
    """A number that is not negative."""
    value = args.get(name, default)
    if isinstance(value, bool) or not isinstance(value, _NUMBERS) or not 0 <= value < float("inf"):
        raise _wrong(name, "a number from 0 up", value)
    return value


def integer(args, name, default=0, least=0):
    value = args.get(name, default)
    if type(value) is not int or value < least:
        raise _wrong(name, "an integer from %d up" % least, value)
    return value


def seconds(args, name="ms", default_ms=0):
    """Milliseconds in the arguments, seconds for Python."""
    return number(args, name, default_ms) / 1000.0


def text(args, name, default=""):
    value = args.get(name, default)
    if not isinstance(value, str):
        raise _wrong(name, "text", value)
    return value


def flag(args, name):
    value = args.get(name, False)
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def choice(args, name, default, choices):
    value = args.get(name, default)
    if value not in choices:
        raise _wrong(name, "one of " + ", ".join(choices), value)
    return value


def _wrong(name, wanted, value):
    return WorkerError("%s must be %s, not %r" % (name, wanted, value), type="InvalidArgument")
