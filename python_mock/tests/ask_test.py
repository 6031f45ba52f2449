"""scripts/ask's Python part, through ordeal-pool: answers in the order of the questions, flaws, retries, a summary.

ORDEAL_POOL is the binary. With ORDEAL_DSPY_PYTHON it runs DSPy (layer 3), else the mock bridge.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import harness  # noqa: F401  (the path)
from harness import PYTHON_MOCK, own_children
from test_mock_gemini import KEY, Gemini

from dspex.answers import answer

ASK = os.path.join(PYTHON_MOCK, "ask.py")
DSPY_PYTHON = os.environ.get("ORDEAL_DSPY_PYTHON")
BRIDGE = "dspy_bridge.py" if DSPY_PYTHON else "mock_bridge.py"
PATIENCE_S = 250


def setUpModule():
    if DSPY_PYTHON and not os.access(DSPY_PYTHON, os.X_OK):
        raise unittest.SkipTest("%s has no dspy" % DSPY_PYTHON)


class AskCase(unittest.TestCase):
    def setUp(self):
        self.before = own_children()
        self.addCleanup(lambda: self.assertEqual(own_children(), self.before, "processes left behind"))
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def ask(self, questions, *flags, environment=None):
        """(exit status, answers, what it said)"""
        path = os.path.join(self.folder.name, "questions")
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in questions))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GEMINI_")}
        clean.update(environment or {}, TMPDIR=self.folder.name)
        command = [sys.executable, ASK, "--pool", os.environ["ORDEAL_POOL"], "--python", DSPY_PYTHON or sys.executable]
        command += ["--bridge", os.path.join(PYTHON_MOCK, BRIDGE), "--workers", "2", *flags, path]
        done = subprocess.run(command, capture_output=True, text=True, env=clean, timeout=PATIENCE_S, check=False)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


class Ask(AskCase):
    def test_each_question_has_its_answer_in_the_order_of_the_file(self):
        questions = ["question %d?" % number for number in range(30)]
        status, answers, said = self.ask(questions)
        self.assertEqual(status, 0, said)
        expected = [{"answer": answer("answer", "str", {"question": question})} for question in questions]
        self.assertEqual([each["outputs"] for each in answers], expected)
        self.assertEqual([each["line"] for each in answers], list(range(1, 31)))
        self.assertIn("a stand-in on this machine answers, not a model", said)
        self.assertIn("30 answered, 0 not", said)

    def test_questions_may_be_objects_and_come_back_with_their_id(self):
        lines = [
            json.dumps({"text": "hello", "language": "French", "id": "a-1"}),
            "",
            json.dumps({"inputs": {"text": "bye", "language": "Greek"}}),
        ]
        status, answers, said = self.ask(lines, "--signature", "text, language -> translation, letters: int")
        self.assertEqual(status, 0, said)
        self.assertEqual([(each["line"], each.get("id")) for each in answers], [(1, "a-1"), (3, None)])
        inputs = {"text": "hello", "language": "French"}
        self.assertEqual(answers[0]["outputs"]["letters"], answer("letters", "int", inputs))

    def test_a_flaw_of_one_line_is_told_with_it_and_the_others_are_answered(self):
        status, answers, said = self.ask(['{"oops', '{"answer": "no question"}', "why?"])
        self.assertEqual(status, 1, said)
        self.assertEqual([each.get("error", {}).get("type") for each in answers], ["BadQuestion", "BadQuestion", None])
        self.assertIn("no input 'question'", answers[1]["error"]["message"])
        self.assertIn("1 answered, 2 not (BadQuestion: 2)", said)

    def test_wrong_use_says_what_is_right(self):
        for flags, words in ((("--signature", "x"), "'question -> answer'"), (("--python", "/none"), "setup --dspy")):
            status, answers, said = self.ask(["why?"], *flags)
            self.assertEqual((status, answers), (2, []))
            self.assertIn(words, said)


@unittest.skipUnless(DSPY_PYTHON, "asks no model without DSPy")
class AskAModel(AskCase):
    def test_a_model_that_is_busy_or_breaks_is_asked_again_and_the_key_stays_where_it_is(self):
        faults = ("rate_limit:retry_after_ms=10,times=3", "error:status=503,times=2", "drop")
        gemini = Gemini(*(word for fault in faults for word in ("--fault", fault)))
        self.addCleanup(gemini.end)
        environment = {"GEMINI_API_KEY": KEY, "GEMINI_API_BASE": gemini.address + "/v1beta"}
        flags = ("--set", "retry.base_delay_ms=20", "--retries", "10")
        status, answers, said = self.ask(["question %d?" % n for n in range(10)], *flags, environment=environment)
        self.assertEqual(status, 0, said)
        self.assertEqual([each["outputs"]["answer"] for each in answers],
                         [answer("answer", "str", {"question": "question %d?" % n}) for n in range(10)])
        self.assertIn("; 6 asked again; ", said)
        self.assertNotIn(KEY, said + json.dumps(answers))

    def test_a_question_that_is_blocked_is_told_and_not_asked_again(self):
        gemini = Gemini("--fault", "blocked:contains=bad,times=always")
        self.addCleanup(gemini.end)
        environment = {"GEMINI_API_KEY": KEY, "GEMINI_API_BASE": gemini.address + "/v1beta"}
        status, answers, said = self.ask(["good", "bad"], environment=environment)
        self.assertEqual(status, 1, said)
        self.assertEqual(answers[1]["error"]["type"], "LMContentBlockedError")
        self.assertIn("1 answered, 1 not (LMContentBlockedError: 1); 0 asked again", said)


if __name__ == "__main__":
    unittest.main()
