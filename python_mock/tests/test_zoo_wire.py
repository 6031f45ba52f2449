"""The animals that spoil the stream, seen from the other end of the pipe."""

import json
import os
import select
import signal
import struct
import unittest

from harness import EMPTY_BRIDGE, WorkerTestCase, frame, now


class SpoiltReplies(WorkerTestCase):
    """After each of these the worker goes on as if nothing had happened."""

    shared_flags = ("--faults",)
    shared_bridge = EMPTY_BRIDGE

    def test_garbage_is_so_many_bytes_and_the_same_for_the_same_seed(self):
        seen = []
        for seed in (1, 1, 2):
            self.worker.send("garbage", {"bytes": 40, "seed": seed})
            seen.append(self.worker.read_bytes(40))
        self.assertEqual(seen[0], seen[1])
        self.assertNotEqual(seen[0], seen[2])
        self.worker.send("garbage", {"bytes": 0})
        self.assert_still_serves(self.worker)

    def test_bad_json_is_a_whole_frame_that_is_not_json(self):
        self.worker.send("bad_json", request_id=31)
        body = self.worker.receive_body()
        self.assertEqual(body, b'{"id":31,"success":tru')
        self.assertRaises(ValueError, json.loads, body)
        self.assert_still_serves(self.worker)

    def test_bad_json_can_be_any_text(self):
        self.worker.send("bad_json", {"text": '{"id":"x"}'})
        self.assertEqual(self.worker.receive_body(), b'{"id":"x"}')

    def test_not_object_is_a_frame_with_a_list(self):
        self.worker.send("not_object")
        self.assertEqual(self.worker.receive(), [1, 2, 3])
        self.assert_still_serves(self.worker)

    def test_oversize_frame_is_a_header_without_a_body(self):
        for args, length in (({"length": 70_000_000}, 70_000_000), ({}, 0xFFFFFFFF)):
            self.worker.send("oversize_frame", args)
            self.assertEqual(self.worker.read_bytes(4), struct.pack(">I", length))
            self.assert_still_serves(self.worker)

    def test_wrong_id_is_off_by_delta(self):
        for delta in (1, -1, -1000, 2**40):
            self.worker.send("wrong_id", {"delta": delta}, request_id=50)
            reply = self.worker.receive()
            self.assertEqual((reply["id"], reply["success"]), (50 + delta, True))
        self.assert_still_serves(self.worker)

    def test_duplicate_reply_replies_twice(self):
        self.worker.send("duplicate_reply", {"apart_ms": 5}, request_id=60)
        first, second = self.worker.receive_body(), self.worker.receive_body()
        self.assertEqual(first, second)
        self.assertEqual(json.loads(first)["id"], 60)
        self.assert_still_serves(self.worker)

    def test_dribble_reply_is_a_whole_reply_in_pieces(self):
        self.assertEqual(self.worker.result("dribble_reply", {"piece": 3}), {"piece": 3})
        self.assertEqual(self.worker.result("dribble_reply"), {})
        self.assert_still_serves(self.worker)

    def test_stray_bytes_follow_a_whole_reply(self):
        self.assertEqual(self.worker.result("stray_bytes_after_reply", {"bytes": 7}), {"stray_bytes": 7})
        self.assertEqual(self.worker.read_bytes(7), b"strayst")
        self.assert_still_serves(self.worker)

    def test_stop_reading_replies_first_and_reads_later(self):
        begun = now()
        self.assertEqual(self.worker.result("stop_reading", {"ms": 30}), {"stopped_ms": 30})
        self.assert_still_serves(self.worker)
        self.assertGreaterEqual(now() - begun, 0.03)


class PartialFrames(WorkerTestCase):
    def test_partial_frame_then_exit_ends_the_stream_inside_a_frame(self):
        worker = self.start_faulty()
        worker.send("partial_frame", {"bytes": 10, "then": "exit", "exit_code": 9})
        self.assertEqual(len(worker.read_to_end()), 10)
        self.assertEqual(worker.wait_exit(), 9)

    def test_partial_frame_then_hang_neither_goes_on_nor_ends(self):
        worker = self.start_faulty()
        worker.send("partial_frame", {"bytes": 3, "then": "hang"})
        self.assertEqual(len(worker.read_bytes(3)), 3)
        worker.end_input()
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.read_to_end(), b"")
        self.assertEqual(worker.wait_exit(), -signal.SIGTERM)

    def test_partial_frame_is_never_the_whole_frame(self):
        worker = self.start_faulty()
        worker.send("partial_frame", {"bytes": 1_000_000, "then": "exit"})
        data = worker.read_to_end()
        self.assertEqual(struct.unpack(">I", data[:4])[0], len(data) - 4 + 1)


class ClosedPipes(WorkerTestCase):
    def test_close_stdout_ends_the_replies_and_the_worker_lives_on_without_a_voice(self):
        worker = self.start_faulty()
        worker.send("close_stdout")
        self.assertEqual(worker.read_to_end(), b"")
        worker.send("echo")
        worker.send("crash", {"exit_code": 41})  # Shows that it has read and served what came before.
        self.assertEqual(worker.wait_exit(), 41)

    def test_close_stdin_replies_and_the_next_request_finds_nobody(self):
        worker = self.start_faulty()
        self.assertEqual(worker.result("close_stdin"), {"closed": "stdin"})
        self.assertRaises(BrokenPipeError, os.write, worker.request_fd, frame({"id": 9}))
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait_exit(), -signal.SIGTERM)

    def test_a_worker_that_has_stopped_reading_lets_the_pipe_fill(self):
        worker = self.start_faulty()
        worker.result("stop_reading", {"ms": 600_000})
        os.set_blocking(worker.request_fd, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(worker.request_fd, b"x" * 4096)
        self.assertEqual(select.select([], [worker.request_fd], [], 0)[1], [])


if __name__ == "__main__":
    unittest.main()
