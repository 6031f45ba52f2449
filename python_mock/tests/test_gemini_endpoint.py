"""A few cheap calls of the real endpoint, with GEMINI_API_KEY: what no stand-in can show. Skipped, visibly, without.

GEMINI_MODEL chooses the model, GEMINI_API_BASE another address.
"""

import os
import unittest

import harness
from harness import WorkerTestCase
from test_dspy_bridge import BRIDGE, PYTHON, has_dspy

MODEL = os.environ.get("GEMINI_MODEL") or "gemini-2.5-flash"
SIGNATURE = {
    "inputs": [{"name": "question", "type": "string"}],
    "outputs": [{"name": "answer", "type": "string"}, {"name": "a number", "type": "int"}],
    "instructions": "Answer in one word, and give the number of its letters.",
}


def setUpModule():
    if not os.environ.get("GEMINI_API_KEY"):
        raise unittest.SkipTest("GEMINI_API_KEY is not set: the real endpoint is not asked")
    if not has_dspy():
        raise unittest.SkipTest("%s has no dspy" % PYTHON)
    harness.DEADLINE_S = 120


class RealEndpoint(WorkerTestCase):
    def test_a_program_is_answered_and_a_wrong_key_is_told_apart(self):
        names = ("GEMINI_API_KEY", "GEMINI_API_BASE")
        environment = {name: os.environ[name] for name in names if os.environ.get(name)}
        environment["GEMINI_MODEL"] = MODEL
        worker = self.start_ready("--mode", "pool-worker", bridge=BRIDGE, python=PYTHON, environment=environment)
        call = {"program_id": "p", "program_data": {"signature": SIGNATURE}}
        call["inputs"] = {"question": "What is the capital of France?"}
        answered = worker.result("execute_program", call, context={"deadline_ms": 60000})
        self.assertIn("paris", answered["outputs"]["answer"].lower())
        self.assertIsInstance(answered["outputs"]["a number"], int)
        self.assertGreater(answered["usage"]["prompt_tokens"], 0)

        settings = {"model": MODEL, "api_key": "AIza-a-wrong-key"}
        if os.environ.get("GEMINI_API_BASE"):
            settings["api_base"] = os.environ["GEMINI_API_BASE"]
        worker.result("configure_lm", settings)
        error = worker.error("execute_program", call, context={"deadline_ms": 60000})
        self.assertEqual((error["type"], error["retryable"]), ("LMAuthError", False))
        self.assertNotIn(os.environ["GEMINI_API_KEY"], worker.stderr_text())


if __name__ == "__main__":
    unittest.main()
