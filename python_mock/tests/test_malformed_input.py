"""A frame that is no request is answered as such, and the worker lives on."""

import json
import random
import unittest

from harness import WorkerTestCase, frame
from cites import cites, cites_bug_class

from ordeal_worker import Worker
from ordeal_worker.wire import Wire

NULL_ID = {
    "an empty frame": b"",
    "no JSON": b"{oops",
    "two values": b'{"id": 3, "command": "echo", "args": {}} {}',
    "cut off": b'{"id": 3, "command": "echo"',
    "not UTF-8": b'{"id": 3, "command": "\xff"}',
    "UTF-16": '{"id": 3, "command": "echo"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"id": 3, "command": "echo"}',
    "NaN, which JSON does not know": b'{"id": 3, "command": "echo", "args": {"x": NaN}}',
    "a list": b"[1, 2]",
    "a number": b"17",
    "a string": b'"id"',
    "null": b"null",
    "no id": b'{"command": "echo", "args": {}}',
    "an id that is text": b'{"id": "3", "command": "echo", "args": {}}',
    "an id that is true": b'{"id": true, "command": "echo", "args": {}}',
    "an id that is a fraction": b'{"id": 3.5, "command": "echo", "args": {}}',
    "a negative id": b'{"id": -3, "command": "echo", "args": {}}',
    "a null id": b'{"id": null, "command": "echo", "args": {}}',
    "nested a million deep": b"[" * 1_000_000,
    "garbage": bytes(range(256)),
}

OWN_ID = {
    "no command": b'{"id": 3, "args": {}}',
    "a command that is a number": b'{"id": 3, "command": 4, "args": {}}',
    "a command that is a list": b'{"id": 3, "command": ["echo"], "args": {}}',
    "args that are a list": b'{"id": 3, "command": "echo", "args": [1]}',
    "args that are text": b'{"id": 3, "command": "echo", "args": "x"}',
}

WELL_FORMED = {
    "blanks around it": b'  {"id": 3, "command": "echo", "args": {"a": 1}}\n ',
    "unknown members": b'{"id": 3, "command": "echo", "args": {"a": 1}, "colour": "red"}',
    "no timestamp": b'{"id": 3, "command": "echo", "args": {"a": 1}}',
}


class MalformedInput(WorkerTestCase):
    shared_flags = ()

    def reply_to(self, body):
        self.worker.send_bytes(frame(body))
        reply = self.worker.receive()
        self.assertEqual(set(reply), {"id", "success", "timestamp", "result" if reply["success"] else "error"})
        return reply

    def test_a_frame_without_a_usable_id_gets_a_reply_with_a_null_id(self):
        for what, body in NULL_ID.items():
            with self.subTest(what):
                reply = self.reply_to(body)
                self.assertIs(reply["success"], False)
                self.assertIsNone(reply["id"])
                self.assertEqual(reply["error"]["type"], "MalformedRequest")
                self.assert_still_serves(self.worker)

    def test_a_frame_with_an_id_that_is_no_request_gets_an_error_with_that_id(self):
        for what, body in OWN_ID.items():
            with self.subTest(what):
                reply = self.reply_to(body)
                self.assertIs(reply["success"], False)
                self.assertEqual(reply["id"], 3)
                self.assertEqual(reply["error"]["type"], "MalformedRequest")
                self.assert_still_serves(self.worker)

    def test_an_unusual_but_well_formed_request_is_served(self):
        for what, body in WELL_FORMED.items():
            with self.subTest(what):
                self.assertEqual(self.reply_to(body)["result"], {"a": 1})

    def test_args_may_be_left_out_or_null(self):
        for body in (b'{"id": 3, "command": "echo"}', b'{"id": 3, "command": "echo", "args": null}'):
            self.assertEqual(self.reply_to(body)["result"], {})

    def test_an_unknown_command_is_an_error_of_its_own_type(self):
        self.assertEqual(self.worker.error("no_such")["type"], "UnknownCommand")


class AnyInput(unittest.TestCase):
    @cites(15)
    @cites_bug_class(14)
    def test_any_bytes_get_one_well_formed_reply(self):
        worker = Worker()
        worker.command("echo")(lambda command, args, context: args)
        worker.wire = Wire(-1, -1)
        request = b'{"id": 3, "command": "echo", "args": {"a": [1.5, "\\u00fc", null, true]}, "timestamp": ""}'
        random_of_this_test = random.Random(20)
        for _ in range(3000):
            body = bytearray(request)
            for _ in range(random_of_this_test.randrange(1, 4)):
                place = random_of_this_test.randrange(len(body))
                body[place : place + random_of_this_test.randrange(3)] = random_of_this_test.choice(
                    [b"", b'"', b"{", b"]", b"\\", b"\xff", b"\x00", b"9" * 30, b"e999", b"null", b"\\ud800"]
                )
            reply = worker.handle(bytes(body))
            self.assertEqual(int.from_bytes(reply[:4], "big"), len(reply) - 4, body)
            message = json.loads(reply[4:])
            self.assertEqual(set(message), {"id", "success", "timestamp", "result" if message["success"] else "error"})


class BrokenStream(WorkerTestCase):
    def test_a_length_above_the_cap_ends_the_worker_with_status_65_and_a_message(self):
        worker = self.start_ready("--max-frame-bytes", "1000")
        worker.send_bytes(b"\x00\x00\x03\xe9")
        self.assertEqual(worker.wait_exit(), 65)
        self.assertIn("1001 bytes", worker.stderr_text())

    def test_text_instead_of_a_length_ends_the_worker(self):
        worker = self.start()
        worker.send_bytes(b"ping\n")
        self.assertEqual(worker.wait_exit(), 65)

    def test_a_request_at_the_cap_is_still_served(self):
        worker = self.start_ready("--max-frame-bytes", "1000")
        body = b'{"id": 3, "command": "echo", "args": {"a": 1}}'.ljust(1000)
        worker.send_bytes(frame(body))
        self.assertEqual(worker.receive()["result"], {"a": 1})

    def test_a_reply_above_the_cap_is_an_error_and_the_worker_lives_on(self):
        worker = self.start_ready("--max-frame-bytes", "1000")
        before, after = b'{"id":3,"command":"echo","args":{"text":"', b'"}}'
        worker.send_bytes(frame(before + b"x" * (1000 - len(before) - len(after)) + after))
        self.assertEqual(worker.receive()["error"]["type"], "ReplyTooLarge")
        self.assert_still_serves(worker)


if __name__ == "__main__":
    unittest.main()
