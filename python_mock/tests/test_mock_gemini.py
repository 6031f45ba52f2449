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

    def order(self, do, **members):
        """Give an order to a server that was started with --control."""
        self.process.stdin.write((json.dumps(dict(members, do=do)) + "\n").encode())
        wait_readable(self.process.stdout, "the answer to the order " + do)
        answered = json.loads(self.process.stdout.readline())
        assert answered["ok"], answered
        return answered

    def script(self, **fault):
        """From now on this fault and no other."""
        self.order("clear")
        self.order("add", fault=fault)

    def received(self, contains=""):
        return self.order("count", contains=contains)["matching"]

    def get(self, path, headers={"x-goog-api-key": KEY}):
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

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
            (404, "NOT_FOUND", {"body": good, "path": PATH.replace("generateContent", "embedContent")}),
            (400, "INVALID_ARGUMENT", {"body": dict(good, generationConfig={"temperature": 3})}),
            (400, "INVALID_ARGUMENT", {"body": dict(good, generationConfig={"responseSchema": {"type": "STRING"}})}),
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


    def test_the_models_are_listed_and_described_to_who_has_the_key(self):
        status, listed = self.gemini.get("/v1beta/models")
        self.assertEqual(status, 200)
        self.assertIn("models/gemini-1.5-flash", [model["name"] for model in listed["models"]])
        status, one = self.gemini.get("/v1beta/models/gemini-1.5-flash")
        self.assertEqual((status, one), (200, listed["models"][0]))
        self.assertEqual(self.gemini.get("/v1beta/models", headers={})[0], 403)
        self.assertEqual(self.gemini.get("/v1beta/models/gemini-none")[0], 404)

    def test_tokens_are_counted_as_the_answer_counts_them(self):
        request = {"contents": [{"parts": [{"text": "x" * 41}]}]}
        status, counted = self.gemini.post(request, PATH.replace("generateContent", "countTokens"))
        self.assertEqual((status, counted["totalTokens"]), (200, 11))
        answered = self.gemini.post(request)[1]
        self.assertEqual(answered["usageMetadata"]["promptTokenCount"], 11)
        self.assertEqual(self.gemini.post(request, PATH.replace("generateContent", "countTokens"))[1], counted)

    def test_a_stream_comes_in_pieces_that_make_up_the_answer(self):
        request = {"contents": [{"parts": [{"text": "x"}]}]}
        whole = self.gemini.ask("x")
        path = PATH.replace("generateContent", "streamGenerateContent")
        self.assertEqual(_joined(self.gemini.post(request, path)[1]), whole)
        self.gemini.connection.request("POST", path + "?alt=sse", json.dumps(request), {"x-goog-api-key": KEY})
        lines = self.gemini.connection.getresponse().read().decode().split("\r\n\r\n")
        pieces = [json.loads(line[len("data: "):]) for line in lines if line]
        self.assertEqual(_joined(pieces), whole)
        self.assertGreater(len(pieces), 1)
        self.assertEqual([piece["candidates"][0].get("finishReason") for piece in pieces].count("STOP"), 1)

    def json_mode(self, schema, *texts, name="responseSchema"):
        request = {"contents": [{"parts": [{"text": text} for text in texts or ("x",)]}]}
        request["generationConfig"] = {"responseMimeType": "application/json", name: schema}
        status, reply = self.gemini.post(request)
        self.assertEqual(status, 200, reply)
        return json.loads(reply["candidates"][0]["content"]["parts"][0]["text"])

    def test_in_json_mode_the_answer_follows_the_schema_of_the_request(self):
        schema = {
            "type": "OBJECT",
            "properties": {
                "answer": {"type": "STRING"},
                "mood": {"type": "STRING", "enum": ["calm", "cross"]},
                "score": {"type": "INTEGER", "minimum": 2000},
                "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": 2},
                "people": {"type": "ARRAY", "items": {"type": "OBJECT", "properties": {"age": {"type": "NUMBER"}}}},
                "sure": {"type": "BOOLEAN", "nullable": True},
            },
        }
        value = self.json_mode(schema)
        self.assertEqual(list(value), list(schema["properties"]))
        self.assertEqual((value["mood"], value["score"], len(value["tags"])), ("calm", 2000, 2))
        self.assertIsInstance(value["people"][0]["age"], float)
        self.assertIsInstance(value["sure"], bool)
        self.assertEqual(value["answer"], answer("answer", "str", {"prompt": "x"}))

    def test_json_schemas_references_and_alternatives_are_followed(self):
        schema = {
            "$defs": {"City": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 4}}}},
            "properties": {
                "city": {"$ref": "#/$defs/City"},
                "note": {"anyOf": [{"type": "null"}, {"const": "none"}]},
                "size": {"type": ["null", "integer"], "maximum": -1},
            },
        }
        value = self.json_mode(schema, name="responseJsonSchema")
        self.assertEqual(value, {"city": {"name": "mock"}, "note": "none", "size": -1})

    def test_dspys_fields_come_as_json_where_json_is_asked_for_without_a_schema(self):
        value = self.json_mode(None, SYSTEM, PROMPT)
        self.assertEqual(value["answer"], answer("answer", "str", {"question": "Why\nnot?"}))
        self.assertEqual(list(value), ["answer", "score", "sure", "tags", "mood"])

    def test_an_answer_that_is_too_long_is_cut_off_and_says_so(self):
        config = {"maxOutputTokens": 2}
        reply = self.gemini.post({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": config})[1]
        self.assertEqual(reply["candidates"][0]["finishReason"], "MAX_TOKENS")
        self.assertEqual(reply["candidates"][0]["content"]["parts"][0]["text"], "mock_res")

    def test_as_many_candidates_as_asked_for_and_no_two_alike(self):
        config = {"candidateCount": 3}
        reply = self.gemini.post({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": config})[1]
        texts = {candidate["content"]["parts"][0]["text"] for candidate in reply["candidates"]}
        self.assertEqual(len(texts), 3)


def _joined(pieces):
    return "".join(piece["candidates"][0]["content"]["parts"][0]["text"] for piece in pieces)


GOOD = {"contents": [{"parts": [{"text": "x"}]}]}


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gemini = Gemini("--control")
        cls.addClassCleanup(cls.gemini.end)

    def test_a_fault_of_the_command_line_strikes_once_and_only_what_it_is_meant_for(self):
        gemini = Gemini("--fault", "error:status=503,contains=unlucky")
        self.addCleanup(gemini.end)
        unlucky = {"contents": [{"parts": [{"text": "unlucky"}]}]}
        self.assertEqual([gemini.post(each)[0] for each in (GOOD, unlucky, unlucky)], [200, 503, 200])

    def test_a_rate_limit_says_when_to_try_again(self):
        self.gemini.script(kind="rate_limit", times=2, retry_after_ms=2500)
        status, reply = self.gemini.post(GOOD)
        self.assertEqual((status, reply["error"]["status"]), (429, "RESOURCE_EXHAUSTED"))
        hints = [each for each in reply["error"]["details"] if each["@type"].endswith("google.rpc.RetryInfo")]
        self.assertEqual(hints[0]["retryDelay"], "2.5s")
        self.assertEqual([self.gemini.post(GOOD)[0] for _ in range(2)], [429, 200])

    def test_faults_strike_in_their_order_after_those_they_skip(self):
        self.gemini.script(kind="error", status=500, skip=1)
        self.gemini.order("add", fault={"kind": "empty"})
        replies = [self.gemini.post(GOOD) for _ in range(3)]
        self.assertEqual([status for status, _ in replies], [200, 500, 200])
        self.assertEqual(replies[0][1]["candidates"], [])
        listed = self.gemini.order("list")["faults"]
        self.assertEqual([(fault["kind"], fault["used"]) for fault in listed], [("error", 1), ("empty", 1)])

    def test_blocked_content_names_its_reason(self):
        self.gemini.script(kind="blocked")
        self.assertEqual(self.gemini.post(GOOD)[1]["promptFeedback"], {"blockReason": "SAFETY"})
        self.gemini.script(kind="blocked", where="answer", reason="RECITATION")
        self.assertEqual(self.gemini.post(GOOD)[1]["candidates"][0]["finishReason"], "RECITATION")

    def test_a_dropped_connection_ends_without_an_answer_or_in_the_middle_of_one(self):
        for after_bytes in (0, 20):
            self.gemini.script(kind="drop", after_bytes=after_bytes)
            with self.assertRaises((http.client.HTTPException, ConnectionError)):
                self.gemini.post(GOOD)
            self.gemini.connection.close()
        self.assertEqual(self.gemini.post(GOOD)[0], 200)

    def test_a_malformed_body_is_no_json(self):
        self.gemini.script(kind="malformed")
        with self.assertRaises(json.JSONDecodeError):
            self.gemini.post(GOOD)

    def test_a_held_request_is_counted_and_answered_when_it_is_released(self):
        self.gemini.script(kind="hold")
        held = {"contents": [{"parts": [{"text": "held"}]}]}
        self.gemini.connection.request("POST", PATH, json.dumps(held), {"x-goog-api-key": KEY})
        self.gemini.order("await_held")
        before = self.gemini.order("count", contains="held")
        self.assertEqual((before["held"], before["matching"]), (1, 1))
        self.assertEqual(self.gemini.order("release")["released"], 1)
        self.assertEqual(self.gemini.connection.getresponse().status, 200)
        self.gemini.connection.close()

    def test_a_request_that_comes_twice_is_counted_twice(self):
        twice = {"contents": [{"parts": [{"text": "twice"}]}]}
        self.gemini.order("clear")
        self.gemini.post(twice)
        self.gemini.post(twice)
        told = self.gemini.order("count", contains="twice")
        self.assertEqual((told["matching"], told["repeated"]), (2, 1))

    def test_an_order_or_a_fault_that_is_not_understood_says_what_is_allowed(self):
        for order, expected in (
            ({"do": "dance"}, "add, await_held"),
            ({"do": "add", "fault": {"kind": "fire"}}, "rate_limit"),
            ({"do": "add", "fault": {"kind": "latency", "seconds": 1}}, "latency has no 'seconds'; allowed"),
            ({"do": "add", "fault": {"kind": "latency", "ms": -1}}, "ms is -1"),
            ({"do": "add", "fault": {"kind": "error", "status": 99}}, "99, one of: 400"),
        ):
            self.gemini.process.stdin.write((json.dumps(order) + "\n").encode())
            told = json.loads(self.gemini.process.stdout.readline())
            self.assertFalse(told["ok"])
            self.assertIn(expected, told["error"])


class Lives(unittest.TestCase):
    def test_a_fault_of_the_command_line_that_is_not_understood_ends_it_at_once(self):
        path = os.path.join(PYTHON_MOCK, "mock_gemini.py")
        done = subprocess.run([sys.executable, path, "--fault", "fire"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("rate_limit", done.stderr)

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
