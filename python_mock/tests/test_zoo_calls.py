"""The animals that answer as they should: late, with an error, with a lot, or with what they know."""

import os
import re
import unittest

from harness import EMPTY_BRIDGE, WorkerTestCase, now
from test_mock_gemini import Gemini

from dspex.answers import answer

TIMESTAMP = re.compile(rb'"timestamp":[0-9.]+')


class ScriptedCalls(WorkerTestCase):
    shared_flags = ("--faults",)
    shared_bridge = EMPTY_BRIDGE

    def test_echo_returns_its_args(self):
        self.assertEqual(self.worker.result("echo", {"a": [1, None, "ü"]}), {"a": [1, None, "ü"]})

    def test_sleep_busy_and_late_reply_take_their_time_and_then_answer(self):
        for command, member in (("sleep", "slept_ms"), ("busy", "busy_ms"), ("late_reply", "late_ms")):
            begun = now()
            self.assertEqual(self.worker.result(command, {"ms": 20}), {member: 20})
            self.assertGreaterEqual(now() - begun, 0.02)

    def test_error_fails_as_told(self):
        told = {"type": "Teapot", "message": "short and stout", "retryable": True}
        self.assertEqual(self.worker.error("error", told), dict(told, traceback=None))
        self.assertEqual(self.worker.error("error")["type"], "ScriptedError")

    def test_raise_is_an_exception_that_nobody_expected(self):
        error = self.worker.error("raise")
        self.assertEqual((error["type"], error["message"]), ("ValueError", "raised as asked"))
        self.assertIn("Traceback", error["traceback"])

    def test_unrepresentable_values_are_errors_or_digits(self):
        for kind in ("nan", "surrogate", "bytes"):
            self.assertEqual(self.worker.error("unrepresentable", {"kind": kind})["type"], "UnrepresentableValue")
        self.assertEqual(self.worker.result("unrepresentable", {"kind": "bigint"}), 1 << 70)

    def test_raw_unrepresentable_values_go_out_as_a_careless_bridge_writes_them(self):
        raw = {"nan": b"NaN", "surrogate": b'"\\ud800"', "bigint": b"1180591620717411303424", "bytes": b'"\x00\xff"'}
        for kind, text in raw.items():
            self.worker.send("unrepresentable", {"kind": kind, "raw": True}, request_id=77)
            body = self.worker.receive_body()
            self.assertTrue(body.startswith(b'{"id":77,"success":true,"result":' + text + b',"timestamp":'), body)
        self.assert_still_serves(self.worker)

    def test_big_reply_has_the_wanted_size(self):
        self.assertEqual(self.worker.result("big_reply", {"bytes": 3_000_000}), "x" * 3_000_000)
        self.assertEqual(self.worker.result("big_reply", {"bytes": 0}), "")

    def test_progress_takes_its_time_and_says_how_often_it_reported(self):
        begun = now()
        self.assertEqual(self.worker.result("progress", {"count": 3, "every_ms": 5}), {"reported": 3})
        self.assertGreaterEqual(now() - begun, 0.015)

    def test_wait_cancel_waits_for_its_cancel_or_its_time(self):
        request_id = self.worker.send("wait_cancel", {"ms": 600_000})
        self.worker.send("$cancel", request_id=request_id)
        self.assertEqual(self.worker.receive()["error"]["type"], "Cancelled")
        self.assertEqual(self.worker.result("wait_cancel", {"ms": 1}), {"cancelled": False})

    def test_pid_is_that_of_the_worker_in_a_group_of_its_own(self):
        pid = self.worker.pid
        self.assertEqual(self.worker.result("pid"), {"pid": pid, "ppid": os.getpid(), "pgid": pid})

    def test_context_returns_what_the_request_carried(self):
        carried = {"label": "a", "traceparent": "00-1", "session": "s", "attempt": 3}
        self.assertEqual(self.worker.result("context", context=carried), dict(carried, remaining_ms=None))
        self.assertEqual(self.worker.result("context", context={"deadline_ms": 0})["remaining_ms"], 0)

    def test_print_stdout_prints_four_times_to_stderr_and_not_among_the_frames(self):
        self.assertEqual(self.worker.result("print_stdout", {"text": "peep"}), {"printed": 4})
        self.assert_still_serves(self.worker)
        self.assertEqual(self.worker.stderr_text().count("peep\n"), 4)

    def test_flood_stderr_writes_exactly_so_much(self):
        before = len(self.worker.stderr_text())
        self.assertEqual(self.worker.result("flood_stderr", {"bytes": 200_050}), {"written": 200_050})
        self.assertEqual(len(self.worker.stderr_text()) - before, 200_050)

    def test_ask_model_returns_its_arguments_with_what_the_model_said(self):
        gemini = Gemini("--key", "mock-key", "--fault", "error:status=503", "--fault", "malformed", "--fault", "empty")
        self.addCleanup(gemini.end)
        worker = self.start_faulty(environment={"ORDEAL_MODEL_URL": gemini.address})
        told = [worker.error("ask_model", {"prompt": "x"}) for _ in range(3)]
        self.assertEqual([error["type"] for error in told], ["ModelError", "BadModelAnswer", "BadModelAnswer"])
        self.assertTrue(all(error["retryable"] for error in told))
        said = answer("text", "str", {"prompt": "x"})
        self.assertEqual(worker.result("ask_model", {"prompt": "x", "n": 1}), {"prompt": "x", "n": 1, "said": said})
        self.assertEqual(self.worker.error("ask_model")["type"], "NoModel")

    def test_a_wrong_argument_is_an_error_and_not_another_fault(self):
        for command, args in (
            ("sleep", {"ms": "long"}),
            ("sleep", {"ms": -1}),
            ("busy", {"ms": True}),
            ("error", {"retryable": "yes"}),
            ("unrepresentable", {"kind": "pear"}),
            ("big_reply", {"bytes": 1.5}),
            ("partial_frame", {"then": "sing"}),
            ("crash", {"signal": "SIGFOO"}),
            ("crash", {"exit_code": "x"}),
            ("hang", {"gil": 1}),
            ("grandchildren", {"count": -1}),
        ):
            self.assertEqual(self.worker.error(command, args)["type"], "InvalidArgument", (command, args))


class TheZooItself(WorkerTestCase):
    def test_without_the_flag_there_is_no_zoo(self):
        worker = self.start_ready()
        self.assertEqual(worker.error("crash")["type"], "UnknownCommand")

    def test_the_environment_can_open_it_too(self):
        worker = self.start_ready(environment={"ORDEAL_WORKER_FAULTS": "1"})
        self.assertEqual(worker.result("big_reply", {"bytes": 1}), "x")

    def test_the_bridges_own_command_of_the_same_name_wins(self):
        worker = self.start_ready("--faults")
        self.assertEqual(worker.error("raise", {"kind": "worker_error"})["type"], "Busy")

    def test_replies_are_the_same_bytes_in_any_worker_apart_from_the_timestamp(self):
        def replies():
            worker = self.start_faulty()
            for command, args in (
                ("echo", {"b": 1, "a": [2.5, "ü"]}),
                ("error", {}),
                ("no_such", {}),
                ("sleep", {"ms": 0}),
                ("unrepresentable", {"kind": "nan"}),
                ("unrepresentable", {"kind": "nan", "raw": True}),
                ("bad_json", {}),
                ("not_object", {}),
                ("wrong_id", {}),
                ("context", {}),
            ):
                worker.send(command, args)
                yield TIMESTAMP.sub(b'"timestamp":0', worker.receive_body())

        first, second = list(replies()), list(replies())
        self.assertEqual(first, second)
        self.assertEqual(first[0], b'{"id":1,"success":true,"result":{"b":1,"a":[2.5,"\xc3\xbc"]},"timestamp":0}')

    def test_every_animal_has_a_name_of_its_own_a_line_about_it_and_a_test(self):
        from ordeal_worker.faults import FAULTS

        folder = os.path.dirname(os.path.abspath(__file__))
        tests = ""
        for name in ("test_zoo_calls.py", "test_zoo_wire.py", "test_zoo_process.py", "test_zoo_stage.py"):
            with open(os.path.join(folder, name)) as source:
                tests += source.read()
        self.assertEqual(len({fault.name for fault in FAULTS}), len(FAULTS))
        for fault in FAULTS:
            self.assertTrue(fault.summary, fault.name)
            self.assertRegex(tests, r'(call|result|error|send)\(\s*"%s"|"%s", "\w+_ms"' % (fault.name, fault.name))


if __name__ == "__main__":
    unittest.main()
