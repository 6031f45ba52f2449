"""Whatever a handler raises or returns, its request gets one reply and the worker lives on."""

import unittest

from harness import WorkerTestCase
from cites import cites

RAISED = {
    "value_error": "ValueError",
    "system_exit": "SystemExit",
    "keyboard_interrupt": "KeyboardInterrupt",
    "recursion": "RecursionError",
    "memory": "MemoryError",
    "mute": "Mute",
    "surrogate": "ValueError",
    "endless": "ValueError",
}

UNREPRESENTABLE = [
    "nan",
    "infinity",
    "surrogate",
    "surrogate_key",
    "bytes",
    "set",
    "object",
    "tuple_key",
    "circle",
    "too_deep",
]


class HandlerErrors(WorkerTestCase):
    shared_flags = ()

    @cites(17)
    def test_any_exception_becomes_an_error_object_and_the_worker_lives_on(self):
        for kind, name in RAISED.items():
            with self.subTest(kind):
                error = self.worker.error("raise", {"kind": kind})
                self.assertEqual(set(error), {"type", "message", "retryable", "traceback"})
                self.assertEqual(error["type"], name)
                self.assertIs(error["retryable"], False)
                self.assertLess(len(error["message"]), 20_000)
                self.assert_still_serves(self.worker)

    def test_the_traceback_names_the_handler_and_not_the_kit(self):
        traceback = self.worker.error("raise", {"kind": "value_error"})["traceback"]
        self.assertIn("raise_it", traceback)
        self.assertNotIn("ordeal_worker", traceback)

    def test_a_worker_error_says_its_own_type_and_whether_to_try_again(self):
        error = self.worker.error("raise", {"kind": "worker_error"})
        self.assertEqual(error, {"type": "Busy", "message": "come back later", "retryable": True, "traceback": None})

    def test_a_message_that_is_no_unicode_is_escaped(self):
        error = self.worker.error("raise", {"kind": "surrogate"})
        self.assertEqual(error["message"], "half a character: \\ud800")

    def test_a_result_that_json_cannot_carry_is_an_error_and_the_worker_lives_on(self):
        for kind in UNREPRESENTABLE:
            with self.subTest(kind):
                error = self.worker.error("return", {"kind": kind})
                self.assertEqual(error["type"], "UnrepresentableValue")
                self.assertIsNone(error["traceback"])
                self.assert_still_serves(self.worker)

    def test_any_text_of_unicode_goes_there_and_back(self):
        text = "\x00\x1f\x7f\"\\/ ü € 𝄞 \u2028 \ufeff \uffff"
        self.assertEqual(self.worker.result("echo", {"text": text})["text"], text)

    @cites(15)
    def test_numbers_go_there_and_back_exactly(self):
        numbers = [0, -1, 2**53 + 1, 2**64 - 1, -(2**63), 10**30, 0.1, 1e-320, 1.7976931348623157e308, -0.0]
        self.assertEqual(repr(self.worker.result("echo", {"numbers": numbers})["numbers"]), repr(numbers))

    def test_when_to_try_again_is_told_if_the_handler_knows_it(self):
        from ordeal_worker.errors import WorkerError, describe

        self.assertEqual(describe(WorkerError("x", retry_after_s=2.5))["retry_after_ms"], 2500)
        self.assertNotIn("retry_after_ms", describe(WorkerError("x")))


if __name__ == "__main__":
    unittest.main()
