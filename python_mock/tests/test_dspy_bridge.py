"""DSPy and LiteLLM for real, against the stand-in of Gemini.

Runs with the interpreter in ORDEAL_DSPY_PYTHON, or else with this one; skipped, visibly, where it has no DSPy.
"""

import json
import os
import subprocess
import sys
import unittest

import harness
from harness import PYTHON_MOCK, WorkerProcess, WorkerTestCase
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
        cls.gemini = Gemini()
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
        self.configure(self.gemini)

    def call_with_program(self, signature=SIGNATURE, inputs=INPUTS, program_type="predict"):
        data = {"signature": signature, "program_type": program_type}
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
