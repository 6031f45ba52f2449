"""The stand-in of Gemini: deterministic, in the form that DSPy asks for, strict about keys, silent about them."""

import http.client
import json
import os
import subprocess
import sys
import unittest

from harness import DEADLINE_S, PYTHON_MOCK, own_children, wait_readable

from dspex.answers import answer

KEY = "AIza-a-secret-key"
PATH = "/v1beta/models/gemini-1.5-flash:generateContent"
SYSTEM = """Your input fields are:
1. `question` (str): what is asked
Your output fields are:
1. `answer` (str):
2. `score` (int): from 0
Constraints: greater than or equal to: 0
3. `sure` (bool):
4. `tags` (list[str]):
5. `mood` (Literal['calm', 'cross']):
All interactions will be structured in the following way, with the appropriate values filled in.

[[ ## question ## ]]
{question}
"""
PROMPT = """[[ ## question ## ]]
Why
not?

Respond with the corresponding output fields, starting with the field `[[ ## answer ## ]]`, then ..."""


class Gemini:
    """The server as a process, and one open connection to it."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", os.path.join(PYTHON_MOCK, "mock_gemini.py"), "--key", KEY, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        wait_readable(self.process.stdout, "the address of the server")
        self.ready_line = self.process.stdout.readline().decode()
        host, port = self.ready_line.split()[-1].split(":")
        self.address = "http://%s:%s" % (host, port)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_S)

    def post(self, body, path=PATH, headers={"x-goog-api-key": KEY}):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request("POST", path, body, headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def ask(self, *prompts, system=None):
        request = {"contents": [{"role": "user", "parts": [{"text": prompt} for prompt in prompts]}]}
        if system is not None:
            request["system_instruction"] = {"parts": [{"text": system}]}
        status, reply = self.post(request)
        assert status == 200, reply
        return reply["candidates"][0]["content"]["parts"][0]["text"]

    def end(self):
        """End it if it still runs, and return what it wrote besides its first line."""
        self.connection.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        written = self.process.stdout.read() + self.process.stderr.read()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return written.decode()


class MockGemini(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.children_before = own_children()
        cls.gemini = Gemini()

    @classmethod
    def tearDownClass(cls):
        written = cls.gemini.end()
        assert written == "", "it logged: " + written
        assert own_children() == cls.children_before

    def test_it_listens_on_this_machine_only_and_says_where(self):
        self.assertRegex(self.gemini.ready_line, r"^listening on 127\.0\.0\.1:\d+\n$")

    def test_it_answers_every_output_field_in_dspys_form_with_the_values_of_the_mock_bridge(self):
        inputs = {"question": "Why\nnot?"}
        self.assertEqual(
            self.gemini.ask(PROMPT, system=SYSTEM),
            "[[ ## answer ## ]]\n%s\n\n[[ ## score ## ]]\n%d\n\n[[ ## sure ## ]]\n%s\n\n[[ ## tags ## ]]\n%s\n\n"
            "[[ ## mood ## ]]\ncalm\n\n[[ ## completed ## ]]"
            % (
                answer("answer", "str", inputs),
                answer("score", "int", inputs),
                answer("sure", "bool", inputs),
                json.dumps(answer("tags", "list", inputs)),
            ),
        )

    def test_the_same_prompt_gets_the_same_answer_and_another_one_another(self):
        first, again, other = (self.gemini.ask(PROMPT.replace("Why", word), system=SYSTEM) for word in ("A", "A", "B"))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_it_does_not_matter_where_the_system_prompt_stands(self):
        self.assertEqual(self.gemini.ask(SYSTEM, PROMPT), self.gemini.ask(PROMPT, system=SYSTEM))

    def test_a_prompt_that_is_not_dspys_gets_one_line(self):
        self.assertRegex(self.gemini.ask("Tell me a joke"), r"^mock_response_text_\d+$")

    def test_the_key_may_be_in_the_query(self):
        status, _ = self.gemini.post({"contents": [{"parts": [{"text": "x"}]}]}, PATH + "?key=" + KEY, {})
        self.assertEqual(status, 200)

    def test_a_request_that_gemini_would_refuse_is_refused_as_gemini_does(self):
        good = {"contents": [{"parts": [{"text": "x"}]}]}
        for status, name, arguments in (
            (403, "PERMISSION_DENIED", {"body": good, "headers": {}}),
            (400, "INVALID_ARGUMENT", {"body": good, "headers": {"x-goog-api-key": "wrong"}}),
            (400, "INVALID_ARGUMENT", {"body": good, "headers": {}, "path": PATH + "?key=wrong"}),
            (404, "NOT_FOUND", {"body": good, "path": "/v1beta/models"}),
            (404, "NOT_FOUND", {"body": good, "path": "/v1beta/models/m:countTokens"}),
            (400, "INVALID_ARGUMENT", {"body": b"{oops"}),
            (400, "INVALID_ARGUMENT", {"body": []}),
            (400, "INVALID_ARGUMENT", {"body": {"contents": []}}),
            (400, "INVALID_ARGUMENT", {"body": {"contents": "x"}}),
        ):
            got, reply = self.gemini.post(**arguments)
            self.assertEqual((got, reply["error"]["status"], reply["error"]["code"]), (status, name, status), arguments)

    def test_parts_of_odd_shapes_have_no_text_and_do_no_harm(self):
        for content in ("x", {"parts": 5}, {"parts": ["x"]}, {"parts": {"text": 7}}, {}):
            status, _ = self.gemini.post({"contents": [content], "system_instruction": content})
            self.assertEqual(status, 200, content)


class Lives(unittest.TestCase):
    def test_it_ends_with_its_standard_input_if_told_so(self):
        gemini = Gemini("--exit-with-stdin")
        self.addCleanup(gemini.end)
        pidfd = os.pidfd_open(gemini.process.pid)
        self.addCleanup(os.close, pidfd)
        gemini.process.stdin.close()
        wait_readable(pidfd, "the end of the server")
        self.assertEqual(gemini.process.wait(), 0)


if __name__ == "__main__":
    unittest.main()
