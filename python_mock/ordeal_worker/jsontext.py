"""JSON to values and back, strictly and fast.

Invariants:
* What encode() returns is JSON that any parser accepts: no NaN, no Infinity, no lone surrogate.
* What decode() accepts is JSON: NaN and Infinity are refused, which Python's own loads would take.

json.loads and json.dumps spend about half their time around the C scanner and the C encoder (regular
expressions for blanks, an encoder built for each call). The hot path calls those two directly.
"""

import json
import json.encoder

from .errors import WorkerError


class UnrepresentableValue(WorkerError):
    """A value that JSON text in UTF-8 cannot carry."""

    def __init__(self, message):
        super().__init__(message, type="UnrepresentableValue")


def _refuse_constant(name):
    raise ValueError("%s is not JSON" % name)


def _refuse_object(value):
    raise TypeError("an object of type %s is not JSON serializable" % type(value).__name__)


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)

scan = _decoder.scan_once
"""scan(text, 0) -> (value, end). Knows no blanks around the value; StopIteration where none begins."""


def decode(text):
    """The value of a whole JSON text, blanks around it allowed. Raises ValueError."""
    return _decoder.decode(text)


def _make_encoder():
    if json.encoder.c_make_encoder is None:  # Not CPython.
        encode_slowly = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
        return lambda value, _level: (encode_slowly(value),)
    # No `markers`: a circular value then runs into the recursion limit, which explain() says better.
    return json.encoder.c_make_encoder(
        None, _refuse_object, json.encoder.encode_basestring, None, ":", ",", False, False, False
    )


encode_chunks = _make_encoder()
"""encode_chunks(value, 0) -> the pieces of its JSON text."""


quote = json.encoder.encode_basestring
"""quote(string) -> its JSON text."""


def encode(value):
    """JSON text of a value. Raises UnrepresentableValue."""
    try:
        text = "".join(encode_chunks(value, 0))
        text.encode()
        return text
    except Exception as error:
        raise explain(error) from None


def explain(error):
    """Why a value could not be encoded, as an UnrepresentableValue."""
    if isinstance(error, UnicodeEncodeError):
        return UnrepresentableValue("text with a lone surrogate (U+%04X) is not UTF-8" % ord(error.object[error.start]))
    if isinstance(error, RecursionError):
        return UnrepresentableValue("nested too deeply, or containing itself")
    return UnrepresentableValue(str(error) or type(error).__name__)
