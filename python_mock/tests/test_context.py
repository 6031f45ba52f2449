"""What a handler learns of its request: labels, deadline, cancel; and how it reports progress."""

import glob
import json
import os
import signal
import unittest

from harness import WorkerTestCase, frame, wait_readable


def thread_named(pid, name):
    """The directory in /proc of the one thread of that name."""
    (task,) = [task for task in glob.glob("/proc/%d/task/*" % pid) if name_of(task) == name]
    return task


def name_of(task):
    with open(os.path.join(task, "comm")) as comm:
        return comm.read().strip()


def blocks(process, number):
    with open(os.path.join(process, "status")) as status:
        (mask,) = [line.split()[1] for line in status if line.startswith("SigBlk:")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def open_descriptors(process):
    folder = os.path.join(process, "fd")
    return [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]


class Labels(WorkerTestCase):
    shared_flags = ()

    def test_labels_of_the_request_reach_the_handler(self):
        sent = {"label": "nightly", "traceparent": "00-ab-cd-01", "session": "s1", "attempt": 2, "more": [1]}
        seen = self.worker.result("describe_context", context=sent)
        self.assertEqual({name: seen[name] for name in ("label", "traceparent", "session", "attempt")},
                         {name: sent[name] for name in ("label", "traceparent", "session", "attempt")})
        self.assertEqual(seen["raw"], sent)
        self.assertEqual(seen["worker_id"], "7")

    def test_the_session_is_known_whichever_way_it_was_told(self):
        for args, context, session in (
            ({}, {"session": "s"}, "s"),
            ({"session_id": "s"}, {"label": "x"}, "s"),
            ({"session_id": "s"}, None, "s"),
            ({"session_id": "t"}, {"session": "s"}, "s"),
            ({"session_id": 7}, {}, None),
            ({}, {"session": 7}, None),
        ):
            self.assertEqual(self.worker.result("describe_context", args, context=context)["session"], session, args)

    def test_without_a_context_all_labels_are_absent(self):
        for given in ({}, {"context": None}, {"context": "text"}, {"context": {}}):
            seen = self.worker.result("describe_context", **given)
            self.assertEqual((seen["label"], seen["attempt"], seen["remaining_s"], seen["raw"]), (None, None, None, {}))

    def test_the_deadline_is_what_remains_and_never_negative(self):
        seen = self.worker.result("describe_context", context={"deadline_ms": 3_600_000})
        self.assertTrue(3500 < seen["remaining_s"] <= 3600, seen)
        self.assertEqual(self.worker.result("describe_context", context={"deadline_ms": 0})["remaining_s"], 0)

    def test_a_deadline_that_is_no_number_is_none(self):
        for deadline_ms in ("soon", True, None, [5]):
            seen = self.worker.result("describe_context", context={"deadline_ms": deadline_ms})
            self.assertIsNone(seen["remaining_s"], deadline_ms)


class Cancel(WorkerTestCase):
    shared_flags = ()

    def cancel(self, request_id):
        self.worker.send("$cancel", request_id=request_id)

    def test_a_cancel_ends_the_running_request_with_an_error_of_that_type(self):
        request_id = self.worker.send("work_until_cancelled", {"patience_s": 600})
        self.cancel(request_id)
        reply = self.worker.receive()
        self.assertEqual((reply["id"], reply["error"]["type"]), (request_id, "Cancelled"))
        self.assert_still_serves(self.worker)

    def test_a_cancel_in_the_same_write_as_its_request_is_found(self):
        self.worker.send_bytes(
            frame({"id": 500, "command": "is_cancelled", "args": {}})
            + frame({"id": 500, "command": "$cancel", "args": {}})
        )
        self.assertIs(self.worker.receive()["result"], True)
        self.assert_still_serves(self.worker)

    def test_requests_behind_a_cancel_are_kept_and_served_in_order(self):
        self.worker.send_bytes(
            frame({"id": 600, "command": "work_until_cancelled", "args": {"patience_s": 600}})
            + frame({"id": 601, "command": "echo", "args": {"text": "$cancel"}})
            + frame({"id": 600, "command": "$cancel", "args": {}})
            + frame({"id": 602, "command": "echo", "args": {}})
        )
        replies = [self.worker.receive() for _ in range(3)]
        self.assertEqual([reply["id"] for reply in replies], [600, 601, 602])
        self.assertEqual([reply["success"] for reply in replies], [False, True, True])

    def test_a_cancel_for_another_request_is_passed_over(self):
        cancels = [frame({"id": number, "command": "$cancel", "args": {}}) for number in (699, 701, None)]
        self.worker.send_bytes(frame({"id": 700, "command": "is_cancelled", "args": {}}) + b"".join(cancels))
        self.assertIs(self.worker.receive()["result"], False)
        self.assert_still_serves(self.worker)

    def test_a_cancel_that_comes_when_nothing_runs_is_never_answered(self):
        self.cancel(1)
        self.cancel(999)
        self.assert_still_serves(self.worker)

    def test_a_late_cancel_does_not_touch_the_next_request(self):
        request_id = self.worker.send("echo")
        self.worker.receive()
        self.cancel(request_id)
        self.assertIs(self.worker.result("is_cancelled"), False)

    def test_a_request_that_nobody_cancels_is_not_cancelled(self):
        self.assertIs(self.worker.result("is_cancelled"), False)
        self.assertEqual(self.worker.result("work_until_cancelled", {"patience_s": 0.01}), "nobody cancelled")


class HostGone(WorkerTestCase):
    def test_the_end_of_input_counts_as_a_cancel(self):
        worker = self.start_ready()
        worker.send("work_until_cancelled", {"patience_s": 600})
        worker.end_input()
        self.assertEqual(worker.receive()["error"]["type"], "Cancelled")
        self.assertEqual(worker.wait_exit(), 0)

    def test_a_broken_stream_counts_as_a_cancel_and_ends_the_worker(self):
        worker = self.start_ready()
        worker.send("work_until_cancelled", {"patience_s": 600})
        worker.send_bytes(b"\xff\xff\xff\xff")
        self.assertEqual(worker.receive()["error"]["type"], "Cancelled")
        self.assertEqual(worker.wait_exit(), 65)


class Progress(WorkerTestCase):
    def start_with_channel(self, **options):
        self.reader, writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        worker = self.start(pass_fds=[writer], environment={"ORDEAL_PROGRESS_FD": str(writer)}, **options)
        os.close(writer)
        return worker

    def read_lines(self, count):
        data = b""
        while data.count(b"\n") < count:
            wait_readable(self.reader, "progress")
            piece = os.read(self.reader, 1 << 16)
            self.assertTrue(piece, "the worker closed its progress channel")
            data += piece
        lines = [json.loads(line) for line in data.splitlines()]
        return [line for line in lines if "import" not in line]  # A start that took its time.

    def test_notes_arrive_with_the_id_of_their_request_and_a_count(self):
        worker = self.start_with_channel()
        worker.shake_hands()
        request_id = worker.send("take_notes", {"notes": ["half", None]})
        self.assertEqual(
            self.read_lines(3),
            [
                {"id": None, "progress": 1, "note": "importing"},
                {"id": request_id, "progress": 2, "note": "half"},
                {"id": request_id, "progress": 3},
            ],
        )

    def test_a_full_pipe_drops_notes_and_never_blocks_the_handler(self):
        worker = self.start_with_channel()
        worker.shake_hands()
        self.assertEqual(worker.result("take_notes", {"notes": ["x" * 200] * 2000}), 2000)
        for line in self.read_lines(100):
            self.assertLessEqual(len(line.get("note", "")), 300)

    def test_a_note_of_any_text_is_one_short_line(self):
        worker = self.start_with_channel()
        worker.shake_hands()
        worker.result("take_notes", {"notes": ["𝄞\n" * 5000]})
        self.assertEqual(self.read_lines(2)[1]["note"], "𝄞\n" * 150)

    def test_a_host_that_asks_for_heartbeats_gets_them_while_a_handler_is_busy(self):
        worker = self.start_with_channel()
        worker.send("ping", {"ordeal": {"protocol": 1, "capabilities": ["heartbeat"], "heartbeat_ms": 5}}, request_id=0)
        self.assertEqual(worker.receive()["result"]["ordeal"]["capabilities"], ["heartbeat"])
        worker.send("busy_loop", {"seconds": 0.3})
        self.assertIn({"beat": 1}, self.read_lines(4))
        self.assertEqual(worker.receive()["result"], "done")

    def test_the_heartbeat_holds_its_channel_open_and_nothing_else_and_takes_no_signal(self):
        worker = self.start_with_channel()
        offer = {"protocol": 1, "capabilities": ["cancel", "heartbeat"], "heartbeat_ms": 5}
        worker.send("ping", {"ordeal": offer}, request_id=0)
        worker.receive()
        self.assertIn({"beat": 1}, self.read_lines(2))
        channel = os.readlink("/proc/self/fd/%d" % self.reader)
        self.assertEqual(open_descriptors(thread_named(worker.pid, "ordeal-beat")), [channel])
        self.assertIn(channel, open_descriptors("/proc/%d" % worker.pid), "and takes none away")
        for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD):
            self.assertTrue(blocks(thread_named(worker.pid, "ordeal-beat"), number), number)
            self.assertFalse(blocks("/proc/%d" % worker.pid, number), number)
        worker.send("close_replies")
        self.assertEqual(worker.read_to_end(), b"", "nobody holds them open")
        self.assertIn({"beat": 1}, self.read_lines(2))

    def test_no_heartbeat_is_promised_without_a_pace_that_makes_sense_or_a_channel(self):
        for pace in (None, 0, -1, "5", True):
            worker = self.start_with_channel()
            worker.send(
                "ping", {"ordeal": {"protocol": 1, "capabilities": ["heartbeat"], "heartbeat_ms": pace}}, request_id=0
            )
            self.assertEqual(worker.receive()["result"]["ordeal"]["capabilities"], [], pace)
        worker = self.start()
        worker.send("ping", {"ordeal": {"protocol": 1, "capabilities": ["heartbeat"], "heartbeat_ms": 5}}, request_id=0)
        self.assertEqual(worker.receive()["result"]["ordeal"]["capabilities"], [])

    def test_notes_are_not_sent_unless_negotiated(self):
        worker = self.start_with_channel()
        worker.shake_hands(["cancel"])
        worker.result("take_notes", {"notes": ["half"]})
        worker.end_input()
        worker.wait_exit()
        self.assertEqual(len(self.read_lines(1)), 1)  # The one of the start.

    def test_a_reader_that_is_gone_does_no_harm(self):
        reader, writer = os.pipe()
        worker = self.start(pass_fds=[writer], environment={"ORDEAL_PROGRESS_FD": str(writer)})
        os.close(writer)
        os.close(reader)
        worker.shake_hands()
        self.assertEqual(worker.result("take_notes", {"notes": ["a", "b"]}), 2)

    def test_a_descriptor_that_cannot_be_used_is_said_and_passed_over(self):
        for text in ("900", "none", "-1", "0", str(10**30)):
            worker = self.start(environment={"ORDEAL_PROGRESS_FD": text})
            worker.shake_hands()
            self.assertEqual(worker.result("take_notes", {"notes": ["a"]}), 1)
            self.assertIn("ORDEAL_PROGRESS_FD=" + text, worker.stderr_text())


if __name__ == "__main__":
    unittest.main()
