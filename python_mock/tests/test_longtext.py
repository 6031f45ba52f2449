"""Replies with long strings are made in another way than short ones, and are the same bytes."""

import json
import random
import unittest

import harness  # noqa: F401  (puts the kit on the path)
from ordeal_worker import longtext, replies
from ordeal_worker.jsontext import UnrepresentableValue

LONG = longtext.LONG + 1
CAP = 1 << 24


def plainly(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def draw_string(draw, alphabet):
    return "".join(draw.choices(alphabet, k=draw.choice((0, 3, 3, 3, LONG, LONG + draw.randrange(1000)))))


def draw_value(draw, levels):
    alphabets = ("x", "text, \u00e4\u20ac\U0001f600\x7f", 'a"\\/b', "line\n\r\t", "rare\x00\b\f\x1f\u2028")
    kind = draw.randrange(6 if levels else 2)
    if kind == 0:
        return draw_string(draw, draw.choice(alphabets))
    if kind == 1:
        return draw.choice((None, True, 0, -1.5, 2**70))
    count = draw.choice((0, 1, 2, 3, 16, 17))
    if kind < 4:
        return {draw_string(draw, 'key"\n') + str(i): draw_value(draw, levels - 1) for i in range(count)}
    return [draw_value(draw, levels - 1) for _ in range(count)]


def expect_long():
    replies.success_frame(1, "x" * LONG, CAP)
    assert replies._expects_long


class LongStrings(unittest.TestCase):
    def test_any_value_has_the_bytes_that_the_plain_encoder_gives(self):
        found = set()
        for seed in range(25):
            value = draw_value(random.Random(seed), 4)
            pieces, is_long = longtext.encode_pieces(value)
            self.assertEqual(b"".join(pieces), plainly(value), "seed %d" % seed)
            found.add(is_long)
        self.assertEqual(found, {True, False})

    def test_a_frame_is_the_same_whichever_way_it_is_made(self):
        self.addCleanup(setattr, replies, "_now", replies._now)
        replies._now = lambda: 1.5
        for value in ("x" * LONG, {"a": "\u20ac\n" * LONG, "b": [1, None]}, {1: "x" * LONG, None: [], True: {}}, [], 7):
            replies._expects_long = False
            plain = replies.success_frame(12, value, CAP)
            expect_long()
            self.assertEqual(replies.success_frame(12, value, CAP), plain)

    def test_they_are_looked_for_only_while_replies_are_long(self):
        expect_long()
        replies.success_frame(1, {"short": "x"}, CAP)
        self.assertFalse(replies._expects_long)

    def test_what_is_no_json_is_refused_however_long_its_neighbours_are(self):
        circle = []
        circle.append(circle)
        for wrong in (float("nan"), object(), "\ud800", "\ud800" + "x" * LONG, circle, {(1, 2): 3}, {"\ud800": 1}):
            expect_long()
            with self.assertRaises(UnrepresentableValue):
                replies.success_frame(1, {"long": "x" * LONG, "wrong": wrong}, CAP)

    def test_the_cap_is_of_the_body(self):
        for long in (False, True):
            replies._expects_long = long
            frame = replies.success_frame(1, "x" * LONG, CAP)
            replies._expects_long = long
            self.assertEqual(len(replies.success_frame(1, "x" * LONG, len(frame) - 4)), len(frame))
            replies._expects_long = long
            with self.assertRaisesRegex(Exception, "the cap is"):
                replies.success_frame(1, "x" * LONG, len(frame) - 5)


if __name__ == "__main__":
    unittest.main()
