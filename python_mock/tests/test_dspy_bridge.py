"""DSPy and LiteLLM for real, against the stand-in of Gemini.

Runs with the interpreter in ORDEAL_DSPY_PYTHON, or else with this one; skipped, visibly, where it has no DSPy.
"""

import json
import os
import subprocess
import sys
import unittest

import harness
from harness import PYTHON_MOCK, WorkerProcess, WorkerTestCase, now
from test_mock_gemini import KEY, Gemini

from dspex.answers import answer

BRIDGE = os.path.join(PYTHON_MOCK, "dspy_bridge.py")
PYTHON = os.environ.get("ORDEAL_DSPY_PYTHON", sys.executable)
MODEL = "gemini/gemini-1.5-flash"
SIGNATURE = {
    "inputs": [{"name": "question", "type": "string", "description": "what is asked"}],
    "outputs": [
        {"name": "answer", "type": "string"},
        {"name": "score", "type": "int"},
        {"name": "sure", "type": "bool"},
        {"name": "rate", "type": "float"},
        {"name": "tags", "type": "list"},
        {"name": "more", "type": "dict"},
    ],
}
INPUTS = {"question": "why?"}


def has_dspy():
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('dspy') is None)"
    return subprocess.run([PYTHON, "-c", probe], check=False).returncode == 0


def setUpModule():
    if not has_dspy():
        raise unittest.SkipTest("%s has no dspy; set ORDEAL_DSPY_PYTHON (see python_mock/README.md)" % PYTHON)
    harness.DEADLINE_S = 120  # Importing it takes seconds of computing, more on a busy machine.


class DspyBridge(WorkerTestCase):
    """One worker for all: a start costs seconds."""

    @classmethod
    def setUpClass(cls):
        cls.gemini = Gemini("--control")
        cls.addClassCleanup(cls.gemini.end)
        cls.slow_gemini = Gemini("--delay-ms", "600000")
        cls.addClassCleanup(cls.slow_gemini.end)
        cls.worker = WorkerProcess("--mode", "pool-worker", bridge=BRIDGE, python=PYTHON)
        cls.addClassCleanup(cls.worker.end)
        cls.handshake = cls.worker.shake_hands()

    def configure(self, gemini, **change):
        settings = {"model": MODEL, "api_key": KEY, "api_base": gemini.address + "/v1beta"}
        return self.worker.result("configure_lm", dict(settings, **change))

    def setUp(self):
        super().setUp()
        self.worker.result("reset_state")
        self.gemini.order("clear")
        self.configure(self.gemini)

    def call_with_program(self, signature=SIGNATURE, inputs=INPUTS, program_type="predict", **how):
        data = dict(how, signature=signature, program_type=program_type)
        return {"program_id": "p", "inputs": inputs, "program_data": data}

    def expected(self, signature=SIGNATURE, inputs=INPUTS):
        return {field["name"]: answer(field["name"], field["type"], inputs) for field in signature["outputs"]}

    def test_the_ping_says_that_dspy_is_there(self):
        self.assertIs(self.handshake["result"]["dspy_available"], True)

    def test_a_program_is_created_and_executed_with_every_type_of_output(self):
        args = {"id": "p", "signature": SIGNATURE, "session_id": "s"}
        created = self.worker.result("create_program", args)
        self.assertEqual((created["status"], created["fallback_used"]), ("created", False))
        call = {"program_id": "p", "inputs": INPUTS, "session_id": "s"}
        self.assertEqual(self.worker.result("execute_program", call)["outputs"], self.expected())

    def test_the_program_can_come_with_the_call(self):
        outputs = self.worker.result("execute_program", self.call_with_program())["outputs"]
        self.assertEqual(outputs, self.expected())

    def test_a_chain_of_thought_returns_the_outputs_of_the_signature(self):
        call = self.call_with_program(program_type="chain_of_thought")
        self.assertEqual(self.worker.result("execute_program", call)["outputs"], self.expected())

    def test_react_lets_the_model_use_the_tools_that_the_program_names(self):
        before = self.gemini.received()
        answered = self.worker.result("execute_program", self.call_with_program(program_type="react"))
        self.assertEqual(set(answered["outputs"]), set(self.expected()))
        # Each tool once (calculate), the end, and the outputs from all that was seen.
        self.assertEqual((answered["usage"]["calls"], self.gemini.received() - before), (3, 3))
        without = self.worker.result("execute_program", self.call_with_program(program_type="react", tools=[]))
        self.assertEqual(without["usage"]["calls"], 2)
        few = self.worker.result("execute_program", self.call_with_program(program_type="react", max_iters=1))
        self.assertEqual(few["usage"]["calls"], 2)
        error = self.worker.error("execute_program", self.call_with_program(program_type="react", tools=["fly"]))
        self.assertEqual((error["type"], "calculate" in error["message"]), ("InvalidArgument", True))

    def test_the_result_says_what_it_took(self):
        self.configure(self.gemini, model="gemini/gemini-2.5-flash")  # LiteLLM knows its price.
        usage = self.worker.result("execute_program", self.call_with_program())["usage"]
        self.assertEqual(usage["calls"], 1)
        self.assertGreater(usage["prompt_tokens"], 100)
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])
        self.assertTrue(0 < usage["cost_usd"] < 0.01, usage)
        again = self.worker.result("execute_program", self.call_with_program())["usage"]
        self.assertEqual(again, usage)  # Of this execution, not of all so far.

    def test_an_unknown_price_is_not_zero(self):
        self.assertIsNone(self.worker.result("execute_program", self.call_with_program())["usage"]["cost_usd"])

    def test_a_program_is_built_once_however_often_and_under_whatever_name_it_comes(self):
        before = self.worker.result("get_stats")["build_cache"]
        fresh = {"inputs": ["question"], "outputs": ["only here"]}
        for name in ("a", "b", "a"):
            self.worker.result("execute_program", dict(self.call_with_program(fresh), program_id=name))
        after = self.worker.result("get_stats")["build_cache"]
        self.assertEqual((after["built"] - before["built"], after["found"] - before["found"]), (1, 2))

    def test_instructions_reach_the_model(self):
        signature = dict(SIGNATURE, instructions="Answer like a sailor.")
        self.gemini.script(kind="error", status=503, contains="Answer like a sailor.")
        error = self.worker.error("execute_program", self.call_with_program(signature))
        self.assertEqual(error["type"], "LMServerError")

    def test_what_goes_wrong_at_the_models_end_is_told_apart(self):
        for fault, expected in (
            ({"kind": "rate_limit", "retry_after_ms": 2500}, ("LMRateLimitError", True, 2500, 1)),
            ({"kind": "error", "status": 400}, ("LMInvalidRequestError", False, None, 1)),
            ({"kind": "error", "status": 403}, ("LMAuthError", False, None, 1)),
            ({"kind": "error", "status": 404}, ("LMUnsupportedModelError", False, None, 1)),
            ({"kind": "error", "status": 500}, ("LMServerError", True, None, 1)),
            ({"kind": "error", "status": 503}, ("LMServerError", True, None, 1)),
            ({"kind": "error", "status": 504}, ("LMTimeoutError", True, None, 1)),
            ({"kind": "drop"}, ("LMTransportError", True, None, 1)),
            ({"kind": "drop", "after_bytes": 20}, ("LMTransportError", True, None, 1)),
            ({"kind": "malformed"}, ("LMMalformedResponseError", True, None, 1)),
            ({"kind": "empty"}, ("LMEmptyResponseError", True, None, 1)),
            ({"kind": "blocked"}, ("LMContentBlockedError", False, None, 1)),
            ({"kind": "blocked", "where": "answer"}, ("LMContentBlockedError", False, None, 1)),
            ({"kind": "off_form", "times": 2}, ("AdapterParseError", True, None, 2)),
        ):
            with self.subTest(fault):
                self.gemini.script(**fault)
                before = self.gemini.received()
                error = self.worker.error("execute_program", self.call_with_program())
                calls = self.gemini.received() - before
                told = (error["type"], error["retryable"], error.get("retry_after_ms"), calls)
                self.assertEqual(told, expected, error["message"])
                self.assert_still_serves(self.worker)

    def test_text_that_is_not_in_the_asked_form_is_asked_for_once_more_as_json(self):
        self.gemini.script(kind="off_form")
        answered = self.worker.result("execute_program", self.call_with_program())
        self.assertEqual((answered["outputs"], answered["usage"]["calls"]), (self.expected(), 2))

    def test_a_gemini_program_runs_on_the_model_that_it_names(self):
        args = {"id": "g", "signature": SIGNATURE, "session_id": "s", "model": "gemini-2.0-flash"}
        self.worker.result("create_gemini_program", args)
        self.gemini.script(kind="error", status=503, model="gemini-2.0-flash")
        call = {"program_id": "g", "session_id": "s", "inputs": INPUTS}
        self.assertEqual(self.worker.error("execute_gemini_program", call)["type"], "LMServerError")
        answered = self.worker.result("execute_gemini_program", call)
        self.assertEqual(answered["outputs"], self.expected())
        self.assertIn(answered["outputs"]["answer"], answered["raw_response"])

    def test_names_that_are_no_identifiers_or_taken_by_dspy_are_mapped_and_mapped_back(self):
        signature = {
            "inputs": [{"name": "my question"}, {"name": "config"}],
            "outputs": [{"name": "1st answer"}, {"name": "my_question"}, {"name": "items"}],
        }
        args = {"id": "odd", "signature": signature, "session_id": "s"}
        mapping = self.worker.result("create_program", args)["field_mapping"]
        self.assertEqual(len(set(mapping.values())), 5)
        self.assertTrue(all(name.isidentifier() for name in mapping.values()))
        call = self.call_with_program(signature, {"my question": "a", "config": "b"})
        outputs = self.worker.result("execute_program", call)["outputs"]
        self.assertEqual(set(outputs), {"1st answer", "my_question", "items"})
        self.assertTrue(all(value.startswith("mock_response_") for value in outputs.values()), outputs)

    def test_a_wrong_key_is_an_error_that_does_not_tell_it(self):
        wrong = "AIza-a-wrong-key"
        told = self.configure(self.gemini, api_key=wrong)
        error = self.worker.error("execute_program", self.call_with_program())
        self.assertEqual((error["type"], error["retryable"]), ("LMAuthError", False))
        self.assertNotIn(wrong, json.dumps([told, error]) + self.worker.stderr_text())

    def test_a_model_that_cannot_be_reached_is_an_error_worth_a_retry(self):
        self.configure(self.gemini, api_base="http://127.0.0.1:1")
        error = self.worker.error("execute_program", self.call_with_program())
        self.assertIs(error["retryable"], True, error)

    def test_the_deadline_of_the_request_ends_a_call_to_a_slow_model(self):
        self.configure(self.slow_gemini)
        error = self.worker.error("execute_program", self.call_with_program(), context={"deadline_ms": 100})
        self.assertEqual(error["type"], "LMTimeoutError", error)

    def test_the_deadline_covers_all_calls_of_a_program_together(self):
        """The second call of four gets what the first has left: not the whole time again."""
        self.gemini.script(kind="hold", skip=1)
        begun = now()
        call = self.call_with_program(program_type="react")
        error = self.worker.error("execute_program", call, context={"deadline_ms": 1000})
        self.assertEqual(error["type"], "LMTimeoutError", error)
        self.assertLess(now() - begun, 30)  # It ends by the deadline, and not by the client's own 600 s.
        self.gemini.order("release")

    def test_a_cancelled_program_asks_the_model_no_more(self):
        self.gemini.script(kind="hold")
        before = self.gemini.received()
        request_id = self.worker.send("execute_program", self.call_with_program(program_type="react"))
        self.gemini.order("await_held")
        self.worker.send("$cancel", request_id=request_id)
        self.gemini.order("release")
        reply = self.worker.receive()
        self.assertEqual((reply["id"], reply["error"]["type"]), (request_id, "Cancelled"))
        self.assertEqual(self.gemini.received() - before, 1)

    def test_a_deadline_that_has_passed_asks_no_model(self):
        self.configure(self.slow_gemini)
        error = self.worker.error("execute_program", self.call_with_program(), context={"deadline_ms": 0})
        self.assertEqual(error["type"], "DeadlineExceeded")

    def test_the_key_is_neither_told_nor_logged(self):
        replies = [self.configure(self.gemini), self.worker.result("execute_program", self.call_with_program())]
        replies.append(self.worker.result("get_stats"))
        self.assertNotIn(KEY, json.dumps(replies) + self.worker.stderr_text())


class Environment(WorkerTestCase):
    def test_the_first_run_takes_key_and_address_from_the_environment(self):
        gemini = Gemini()
        self.addCleanup(gemini.end)
        environment = {"GEMINI_API_KEY": KEY, "GEMINI_API_BASE": gemini.address + "/v1beta"}
        worker = self.start_ready(bridge=BRIDGE, python=PYTHON, environment=environment)
        data = {"signature": SIGNATURE}
        answered = worker.result("execute_program", {"program_id": "p", "inputs": INPUTS, "program_data": data})
        self.assertEqual(answered["outputs"]["answer"], answer("answer", "str", INPUTS))
        worker.send("shutdown")
        worker.receive()
        self.assertEqual(worker.wait_exit(), 0)


if __name__ == "__main__":
    unittest.main()
