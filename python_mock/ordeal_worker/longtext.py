"""Values with long strings to JSON, in UTF-8, with few copies.

Invariant: the bytes are those that jsontext's encoder gives.

The C encoder looks at each character of a string twice and copies it, 1.8 ms a MiB, and a frame made of text is copied
three times more. Long strings (what a language model says, a file) are put together from what bytes can search and
copy at memory's speed: a frame of a MiB is made in 1.1 ms, not in 2.5.
"""

from .jsontext import encode_chunks, quote

LONG = 2048
"""Characters of a string from which on this pays: there both ways take as long."""

_CHILDREN_MAX = 16  # of a value that is looked into: the C encoder is faster with many small ones
_LEVELS = 3
# JSON's control characters that have no short escape: rare, and looked for all at once.
_RARE = bytes(set(range(32)) - set(b"\n\r\t"))
_ESCAPES = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"))


def encode_pieces(value):
    """(pieces of its JSON in UTF-8, whether a long string was among them). Raises what the C encoder raises."""
    pieces = []
    return pieces, _add(pieces, value, _LEVELS)


def _add(pieces, value, levels):
    kind = type(value)
    if kind is str and len(value) > LONG:
        _add_long(pieces, value)
        return True
    if levels > 0 and (kind is dict or kind is list) and 0 < len(value) <= _CHILDREN_MAX:
        if kind is list:
            return _add_all(pieces, b"[", ((b",", item) for item in value), b"]", levels)
        if all(type(key) is str for key in value):  # JSON has no others; the encoder knows what it makes of them
            members = ((b",%b:" % quote(key).encode(), item) for key, item in value.items())
            return _add_all(pieces, b"{", members, b"}", levels)
    pieces.append("".join(encode_chunks(value, 0)).encode())
    return False


def _add_all(pieces, opening, children, closing, levels):
    found = False
    for before, child in children:
        pieces += (opening, before[1:]) if opening else (before,)
        opening = b""
        found = _add(pieces, child, levels - 1) or found
    pieces.append(closing)
    return found


def _add_long(pieces, string):
    text = string.encode()
    if len(text.translate(None, _RARE)) != len(text):
        pieces.append(quote(string).encode())
        return
    for character, escape in _ESCAPES:
        if character in text:  # an order of magnitude faster than to replace nothing
            text = text.replace(character, escape)
    pieces += (b'"', text, b'"')
