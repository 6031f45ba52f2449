"""Checks of arguments. What is missing or wrong is the caller's error, told as such, and costs no worker."""

from ordeal_worker import WorkerError

_NO_DEFAULT = object()


def invalid(message):
    return WorkerError(message, type="InvalidArgument")


def required(args, name, kind, what=None, default=_NO_DEFAULT):
    """args[name], which must be there (unless there is a default), of this kind and, if text, not empty."""
    value = args.get(name)
    if value is None or value == "":
        if default is not _NO_DEFAULT:
            return default
        raise WorkerError("%s is required" % (what or name), type="MissingArgument")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise invalid("%s has the wrong type: %s" % (name, type(value).__name__))
    return value
