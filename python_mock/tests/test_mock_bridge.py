"""The commands of a DSPex bridge, right where DSPex is known to be wrong."""

import json
import unittest
import zlib

from harness import MOCK_BRIDGE, WorkerTestCase

from dspex.commands import COMMANDS

SIGNATURE = {
    "inputs": [{"name": "question", "type": "string", "description": "what is asked"}],
    "outputs": [{"name": "answer", "type": "string"}, {"name": "score", "type": "int"}],
}
INPUTS = {"question": "why?"}
KEY = "AIza-a-secret-key"
LM = {"model": "gemini-1.5-flash", "api_key": KEY}
POOL = ("--mode", "pool-worker", "--worker-id", "w7")


def hash_of(field, inputs):
    """The documented hash, written down a second time."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return zlib.crc32((field + "\n" + text).encode())


class BridgeTestCase(WorkerTestCase):
    shared_bridge = MOCK_BRIDGE

    def start_bridge(self, *flags, **options):
        return self.start_ready(*flags, bridge=MOCK_BRIDGE, **options)

    def assert_error(self, worker, command, args, type_, words):
        error = worker.error(command, args)
        self.assertEqual(error["type"], type_)
        self.assertIn(words, error["message"])
        self.assertIsNone(error["traceback"])


class ProgramsInAPoolWorker(BridgeTestCase):
    shared_flags = POOL

    def setUp(self):
        super().setUp()
        self.worker.result("reset_state")
        self.worker.result("configure_lm", LM)

    def create(self, program_id, session="s", **more):
        args = dict({"id": program_id, "signature": SIGNATURE, "session_id": session}, **more)
        return self.worker.result("create_program", args)

    def execute(self, program_id, session="s", **more):
        args = dict({"program_id": program_id, "inputs": INPUTS, "session_id": session}, **more)
        return self.worker.result("execute_program", args)

    def test_a_program_is_created_executed_listed_told_of_and_deleted(self):
        created = self.create("p")
        self.assertEqual((created["program_id"], created["status"], created["fallback_used"]), ("p", "created", False))
        self.execute("p")
        listed = self.worker.result("list_programs", {"session_id": "s"})
        self.assertEqual(listed["total_count"], 1)
        self.assertEqual((listed["programs"][0]["id"], listed["programs"][0]["execution_count"]), ("p", 1))
        info = self.worker.result("get_program_info", {"program_id": "p", "session_id": "s"})
        self.assertEqual((info["program_id"], info["signature"]), ("p", SIGNATURE))
        self.assertGreaterEqual(info["last_executed"], info["created_at"])
        deleted = self.worker.result("delete_program", {"program_id": "p", "session_id": "s"})
        self.assertEqual(deleted, {"program_id": "p", "status": "deleted"})
        self.assertEqual(self.worker.result("list_programs", {"session_id": "s"})["total_count"], 0)

    def test_outputs_are_a_documented_function_of_the_inputs(self):
        self.create("p")
        outputs = self.execute("p")["outputs"]
        self.assertEqual(
            outputs,
            {
                "answer": "mock_response_answer_%d" % hash_of("answer", INPUTS),
                "score": hash_of("score", INPUTS) % 1000,
            },
        )

    def test_outputs_do_not_depend_on_the_order_in_which_inputs_are_written(self):
        data = {"signature": {"inputs": ["b", "a"], "outputs": ["x"]}}
        call = {"program_id": "p", "inputs": {"b": "1", "a": "2"}, "program_data": data}
        expected = "mock_response_x_%d" % hash_of("x", {"a": "2", "b": "1"})
        self.assertEqual(self.worker.result("execute_program", call)["outputs"], {"x": expected})

    def test_inputs_that_are_no_text_count_as_the_text_of_their_json(self):
        data = {"signature": {"inputs": ["a"], "outputs": ["x"]}}
        call = {"program_id": "p", "inputs": {"a": [1, "ü"]}, "program_data": data}
        expected = "mock_response_x_%d" % hash_of("x", {"a": '[1,"ü"]'})
        self.assertEqual(self.worker.result("execute_program", call)["outputs"], {"x": expected})

    def test_outputs_do_not_change_between_workers_releases_and_machines(self):
        self.create("p")
        self.assertEqual(self.execute("p")["outputs"], {"answer": "mock_response_answer_1430033101", "score": 755})

    def test_outputs_have_the_type_of_their_field(self):
        types = {"str": str, "integer": int, "float": float, "boolean": bool, "list[str]": list, "dict": dict, "?": str}
        outputs = [{"name": "f%d" % number, "type": name} for number, name in enumerate(types)]
        self.create("typed", signature={"inputs": ["question"], "outputs": outputs})
        values = self.execute("typed")["outputs"]
        self.assertEqual([type(values[field["name"]]) for field in outputs], list(types.values()))

    def test_the_program_can_come_with_the_call_and_nothing_is_kept(self):
        created = self.create("p")
        self.worker.result("delete_program", {"program_id": "p", "session_id": "s"})
        for data in (created, {"signature": SIGNATURE}):
            answer = self.worker.result("execute_program", {"program_id": "p", "inputs": INPUTS, "program_data": data})
            self.assertEqual(answer["outputs"]["score"], 755)
        self.assertEqual(self.worker.result("get_stats")["programs_count"], 0)

    def test_the_execution_time_is_a_duration(self):
        self.create("p")
        self.assertTrue(0 <= self.execute("p")["execution_time"] < 60)

    def test_a_program_of_one_session_is_not_seen_from_another(self):
        self.create("p", "s")
        self.create("p", "t")
        self.assertEqual(self.worker.result("cleanup_session", {"session_id": "s"})["programs_removed"], 1)
        args = {"program_id": "p", "inputs": INPUTS, "session_id": "s"}
        self.assert_error(self.worker, "execute_program", args, "ProgramNotFound", "Program not found: p")
        self.assertEqual(self.worker.result("list_programs", {"session_id": "t"})["total_count"], 1)

    def test_a_session_in_the_context_is_the_one_that_is_meant_in_every_command(self):
        def ask(command, **args):
            return self.worker.result(command, args, context={"session": "s"})

        ask("create_program", id="p", signature=SIGNATURE)
        ask("create_gemini_program", id="g", signature=SIGNATURE)
        self.assertEqual(
            ask("execute_program", program_id="p", inputs=INPUTS)["outputs"], self.execute("p")["outputs"]
        )
        self.assertEqual(ask("execute_gemini_program", program_id="g", inputs=INPUTS)["program_id"], "g")
        self.assertEqual(ask("list_programs")["total_count"], 2)
        self.assertEqual(ask("get_program_info", program_id="p")["program_id"], "p")
        self.assertEqual(ask("delete_program", program_id="p")["status"], "deleted")
        for command in ("get_session_data", "update_session_data", "cleanup_session"):
            self.assertEqual(ask(command)["session_id"], "s", command)
        self.assertEqual(self.worker.result("list_programs", {"session_id": "s"})["total_count"], 0)

    def test_a_duplicate_is_refused_and_the_first_stays(self):
        self.create("p")
        args = {"id": "p", "signature": SIGNATURE, "session_id": "s"}
        self.assert_error(self.worker, "create_program", args, "ProgramExists", "'p' already exists")
        self.execute("p")

    def test_a_missing_session_is_an_error_in_every_command_that_needs_one(self):
        for command, args in (
            ("create_program", {"id": "p", "signature": SIGNATURE}),
            ("create_gemini_program", {"id": "p", "signature": SIGNATURE}),
            ("execute_program", {"program_id": "p", "inputs": INPUTS}),
            ("execute_gemini_program", {"program_id": "p", "inputs": INPUTS}),
            ("list_programs", {}),
            ("get_program_info", {"program_id": "p"}),
            ("delete_program", {"program_id": "p"}),
            ("cleanup_session", {}),
            ("get_session_data", {}),
            ("update_session_data", {"key": "k", "value": 1}),
        ):
            self.assert_error(self.worker, command, args, "MissingArgument", "Session ID is required")

    def test_what_is_missing_or_wrong_is_said(self):
        for command, args, type_, words in (
            ("create_program", {"signature": SIGNATURE}, "MissingArgument", "Program ID is required"),
            ("create_program", {"id": 5}, "InvalidArgument", "id has the wrong type"),
            ("create_program", {"id": "p"}, "MissingArgument", "Program signature is required"),
            ("create_program", {"id": "p", "signature": {"inputs": ["q"]}}, "InvalidArgument", "list of outputs"),
            ("create_program", {"id": "p", "signature": {"inputs": [7], "outputs": ["a"]}}, "InvalidArgument", "field"),
            ("create_program", {"id": "p", "signature": SIGNATURE, "program_type": "x"}, "InvalidArgument", "predict"),
            ("execute_program", {"program_id": "p", "program_data": 3}, "InvalidArgument", "program_data"),
            (
                "execute_program",
                {"program_id": "p", "inputs": {}, "program_data": {"signature": SIGNATURE}},
                "MissingInput",
                "question",
            ),
            (
                "execute_program",
                {"program_id": "p", "inputs": [], "program_data": {"signature": SIGNATURE}},
                "InvalidArgument",
                "inputs must be an object",
            ),
        ):
            self.assert_error(self.worker, command, dict(args, session_id="s"), type_, words)

    def test_gemini_programs_and_the_others_are_kept_apart(self):
        made = self.worker.result("create_gemini_program", {"id": "g", "signature": SIGNATURE, "session_id": "s"})
        self.assertEqual((made["type"], made["model_name"]), ("gemini", "gemini-1.5-flash"))
        self.create("p")
        call = {"inputs": INPUTS, "session_id": "s"}
        answer = self.worker.result("execute_gemini_program", dict(call, program_id="g"))
        self.assertIn("score: 755", answer["raw_response"])
        self.assert_error(
            self.worker, "execute_gemini_program", dict(call, program_id="p"), "WrongProgramKind", "not a Gemini"
        )
        self.assert_error(self.worker, "execute_program", dict(call, program_id="g"), "WrongProgramKind", "a Gemini")

    def test_session_data_are_said_to_live_in_the_host(self):
        self.assertEqual(
            self.worker.result("get_session_data", {"session_id": "s"})["status"], "not_stored_locally"
        )
        update = {"session_id": "s", "operation": "set", "key": "k", "value": 1}
        self.assertEqual(self.worker.result("update_session_data", update)["status"], "acknowledged")

    def test_statistics_count_commands_errors_and_programs(self):
        self.worker.result("reset_state")
        self.create("p")
        self.worker.error("get_program_info", {"program_id": "x", "session_id": "s"})
        stats = self.worker.result("get_stats")
        counted = (stats["programs_count"], stats["command_count"], stats["error_count"])
        self.assertEqual(counted, (1, 3, 1))
        self.assertGreater(stats["memory_usage"]["rss"], 1 << 20)
        self.assertEqual(self.worker.result("cleanup"), {"status": "cleaned", "programs_removed": 1})


class LanguageModel(BridgeTestCase):
    def test_without_one_no_program_runs(self):
        worker = self.start_bridge()
        worker.result("create_program", {"id": "p", "signature": SIGNATURE})
        call = {"program_id": "p", "inputs": INPUTS}
        self.assert_error(worker, "execute_program", call, "NoLanguageModel", "No LM is loaded.")
        self.assertEqual(
            worker.result("configure_lm", LM),
            {"status": "configured", "model": "gemini-1.5-flash", "provider": "google", "temperature": 0.7},
        )
        self.assertEqual(worker.result("execute_program", call)["outputs"]["score"], 755)

    def test_the_first_run_takes_the_key_from_the_environment(self):
        worker = self.start_bridge(environment={"GEMINI_API_KEY": KEY})
        data = {"signature": SIGNATURE}
        call = {"program_id": "p", "inputs": INPUTS, "program_data": data}
        self.assertEqual(worker.result("execute_program", call)["outputs"]["score"], 755)

    def test_a_configuration_that_cannot_work_is_an_error_and_no_success(self):
        worker = self.start_bridge()
        for change, type_, words in (
            ({"model": None}, "MissingArgument", "Model is required"),
            ({"api_key": ""}, "MissingArgument", "API key is required"),
            ({"provider": "acme"}, "UnsupportedModel", "acme"),
            ({"model": "gpt-9"}, "UnsupportedModel", "gpt-9"),
            ({"temperature": "hot"}, "InvalidArgument", "temperature"),
            ({"temperature": 9}, "InvalidArgument", "temperature"),
        ):
            self.assert_error(worker, "configure_lm", dict(LM, **change), type_, words)

    def test_the_key_is_neither_told_nor_logged(self):
        worker = self.start_bridge("--mode", "pool-worker")
        replies = [
            worker.call("configure_lm", LM),
            worker.call("configure_lm", dict(LM, model="gpt-9")),
            worker.call("configure_lm", dict(LM, temperature=9)),
            worker.call("get_stats"),
            worker.call("ping"),
        ]
        self.assertNotIn(KEY, json.dumps(replies))
        worker.end_input()
        worker.wait_exit()
        self.assertNotIn(KEY, worker.stderr_text())


class TheBridge(BridgeTestCase):
    def test_all_sixteen_commands_of_dspex_are_there_and_need_no_more_than_they_say(self):
        worker = self.start_bridge()
        self.assertEqual(len(set(COMMANDS)), 16)
        for command in sorted(COMMANDS, key="shutdown".__eq__):  # That one last.
            reply = worker.call(command)
            if not reply["success"]:
                self.assertEqual(reply["error"]["type"], "MissingArgument", command)

    def test_a_ping_says_what_dspex_says(self):
        result = self.start_bridge(*POOL).result("ping")
        self.assertEqual((result["status"], result["mode"], result["worker_id"]), ("ok", "pool-worker", "7"))
        self.assertIs(result["dspy_available"], False)
        self.assertIs(result["gemini_available"], False)
        self.assertGreaterEqual(result["uptime"], 0)

    def test_alone_a_worker_is_one_session(self):
        worker = self.start_bridge()
        worker.result("create_program", {"id": "p", "signature": SIGNATURE})
        self.assertEqual(worker.result("list_programs")["total_count"], 1)
        self.assertEqual(worker.result("cleanup_session", {"session_id": "s"})["status"], "not_applicable")

    def test_shutdown_says_what_it_cleaned_and_ends_the_worker(self):
        worker = self.start_bridge(*POOL)
        for session in "st":
            worker.result("create_program", {"id": "p", "signature": SIGNATURE, "session_id": session})
        self.assertEqual(
            worker.result("shutdown", {"worker_id": "w7"}),
            {"status": "shutting_down", "worker_id": "w7", "mode": "pool-worker", "sessions_cleaned": 2},
        )
        self.assertEqual(worker.wait_exit(), 0)

    def test_with_the_flag_it_offers_the_zoo_too(self):
        worker = self.start_bridge("--faults")
        worker.send("crash", {"exit_code": 3})
        self.assertEqual(worker.wait_exit(), 3)

    def test_before_a_host_that_offers_nothing_errors_are_text_as_with_dspex(self):
        worker = self.start(bridge=MOCK_BRIDGE)
        worker.shake_hands(capabilities=None)
        error = worker.error("get_program_info", {"program_id": "x"})
        self.assertEqual(error, "ProgramNotFound: Program not found: x")


if __name__ == "__main__":
    unittest.main()
