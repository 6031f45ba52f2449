"""`ordeal-pool run` on real workers: what comes in goes out, once, and as what it is."""

import json
import os
import pty
import secrets
import stat
import unittest

from harness import WORKER, PoolToolTest, request, wait_readable


def by_line(outcomes):
    return {outcome["line"]: outcome for outcome in outcomes}


class Serving(PoolToolTest):
    def test_a_thousand_requests_are_answered_once_each_with_their_own_nonce(self):
        nonces = [secrets.token_hex(8) for _ in range(1000)]
        text = "".join(request("echo", args={"nonce": nonce}, id=number)
                       for number, nonce in enumerate(nonces))
        outcomes, messages, status = self.run_lines(text, "--workers", "4")
        self.assertEqual(status, 0, messages)
        self.assertEqual(sorted(outcome["id"] for outcome in outcomes), list(range(1000)))
        for outcome in outcomes:
            self.assertEqual(outcome["outcome"], "ok")
            self.assertEqual(outcome["line"], outcome["id"] + 1)
            self.assertEqual(outcome["result"], {"nonce": nonces[outcome["id"]]})
            self.assertEqual(outcome["attempts"], 1)
            self.assertIn(outcome["worker"], range(1, 5))
            self.assertGreaterEqual(outcome["queued_ms"], 0)
            self.assertGreater(outcome["service_ms"], 0)
        self.assertRegex(messages[-1], r"^ordeal-pool: 1000 requests: 1000 ok, 0 failed, "
                                       r"0 indeterminate in \d+\.\d\d s \(\d+/s\)$")

    def test_arguments_ids_and_results_pass_as_the_text_that_they_are(self):
        run = self.start("--workers", "1")
        run.write('{"id": [1,  "\\u00e9"], "command": "echo", "args": {"x":  1.10}}\n')
        self.assertIn('"id":[1,  "\\u00e9"],', run.out.next())
        run.write(request("unrepresentable", args={"kind": "nan", "raw": True}))
        outcome = run.outcome()
        self.assertEqual(outcome["error"]["code"], "unrepresentable_value")
        self.assertEqual(run.finish()[2], 1)

    def test_malformed_lines_are_outcomes_and_do_not_stop_the_run(self):
        lines = [
            ("not json", "not JSON: "),
            ("[1]", "not a JSON object: [1]"),
            ("{}", '"command" is missing or empty'),
            ('{"command": 1}', '"command" must be a string, not 1'),
            ('{"command": "echo", "args": []}', '"args" must be an object, not []'),
            ('{"command": "echo", "deadline_ms": 0}',
             '"deadline_ms" must be an integer from 1 to 86400000, not 0'),
            ('{"command": "echo", "comand": 1}', 'unknown member "comand"; known: '),
            ('{"command": "echo", "command": "x"}', '"command" is given twice'),
        ]
        text = "".join(line + "\n" for line, _ in lines)
        text += "\n  \n" + request("echo", id="last").strip()  # no line break at the end
        outcomes, _, status = self.run_lines(text, "--workers", "1")
        self.assertEqual(status, 1)
        self.assertEqual(len(outcomes), len(lines) + 1)
        found = by_line(outcomes)
        for number, (line, message) in enumerate(lines, 1):
            error = found[number]["error"]
            self.assertEqual((found[number]["outcome"], error["code"]),
                             ("failed", "invalid_arguments"), line)
            self.assertTrue(error["message"].startswith("line %d: %s" % (number, message)), error)
        self.assertEqual(found[11]["id"], "last")  # two blank lines before it
        self.assertEqual(found[11]["outcome"], "ok")

    def test_a_line_beyond_the_frame_bound_fails_alone(self):
        text = request("echo", args={"x": "y" * 5000}) + request("echo")
        outcomes, _, _ = self.run_lines(text, "--set", "frame_bytes_max=4096")
        self.assertEqual(by_line(outcomes)[1]["error"]["code"], "request_too_large")
        self.assertEqual(by_line(outcomes)[2]["outcome"], "ok")

    def test_a_worker_that_says_no_has_failed_the_request(self):
        text = (request("error", args={"type": "Odd", "message": "no", "retryable": True},
                        label="night")
                + request("raise") + request("echo", session="s", args={"session_id": "t"})
                + request("hang", deadline_ms=50))
        outcomes, _, status = self.run_lines(text, "--workers", "2")
        self.assertEqual(status, 1)
        found = by_line(outcomes)
        error = found[1]["error"]
        self.assertEqual((error["code"], error["category"], error["certainty"]),
                         ("application_error", "python", "failed"))
        self.assertEqual(error["application"], {"type": "Odd", "message": "no"})
        self.assertEqual((error["retryable"], error["label"]), (True, "night"))
        self.assertEqual(found[2]["outcome"], "failed")
        self.assertEqual(found[3]["error"]["code"], "invalid_session")
        self.assertEqual((found[4]["outcome"], found[4]["error"]["code"]),
                         ("indeterminate", "call_timeout"))

    def test_a_session_is_a_member_of_a_request_and_outlives_its_workers(self):
        program = {"id": "p", "signature": {"inputs": [{"name": "q"}], "outputs": [{"name": "a"}]}}
        run = {"program_id": "p", "inputs": {"q": "why?"}}
        text = (request("create_program", args=program, session="s")
                + request("execute_program", args=run, session="s")
                + request("crash")
                + request("execute_program", args=run, session="s")
                + request("list_programs", session="s")
                + request("execute_program", args=run, session="t")
                + request("execute_program", args=run))
        outcomes, _, _ = self.run_lines(text, "--workers", "1", "--concurrency", "1",
                                        "--set", "environment.GEMINI_API_KEY=none")
        found = by_line(outcomes)
        self.assertEqual([found[n]["outcome"] for n in range(1, 8)],
                         ["ok", "ok", "indeterminate", "ok", "ok", "failed", "failed"])
        self.assertEqual(found[4]["result"]["outputs"], found[2]["result"]["outputs"])
        self.assertNotEqual(found[4]["worker"], found[2]["worker"])
        self.assertEqual(found[5]["result"]["programs"][0]["execution_count"], 2)
        for number in (6, 7):
            self.assertEqual(found[number]["error"]["application"]["type"], "ProgramNotFound")

    def test_a_crash_in_the_middle_costs_its_own_request_only(self):
        echoes = [request("echo", id=number) for number in range(100)]
        echoes[50] = request("crash", args={"exit_code": 3}, id=50)
        outcomes, messages, status = self.run_lines("".join(echoes), "--workers", "2")
        self.assertEqual(status, 1)
        self.assertEqual(sorted(outcome["id"] for outcome in outcomes), list(range(100)))
        others = [outcome for outcome in outcomes if outcome["outcome"] != "ok"]
        self.assertEqual([outcome["id"] for outcome in others], [50])
        self.assertEqual(others[0]["outcome"], "indeterminate")
        self.assertEqual(others[0]["error"]["code"], "worker_died")
        self.assertEqual(others[0]["error"]["certificate"]["exit_code"], 3)
        self.assertTrue(messages[-1].endswith("; 1 worker lost"), messages)

    def test_files_in_and_out_with_events_beside_them(self):
        source = self.file("in", request("echo", args={"secret": "swordfish"}, label="night"))
        out, events, record = self.path("out"), self.path("events"), self.path("record")
        for path in (out, events, record):  # there before, and open to all
            with open(path, "w") as stream:
                os.fchmod(stream.fileno(), 0o666)
        _, _, status = self.run_lines("", "--input", source, "--output", out, "--events", events,
                                      "--record", record)
        self.assertEqual(status, 0)
        with open(out) as stream:
            self.assertEqual(json.loads(stream.read())["result"], {"secret": "swordfish"})
        with open(events) as stream:
            text = stream.read()
        resolved = [event for event in map(json.loads, text.splitlines())
                    if event["event"] == "request_resolved"]
        self.assertEqual([(event["outcome"], event["label"]) for event in resolved],
                         [("ok", "night")])
        self.assertNotIn("swordfish", text)
        for path in (out, events, record):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)
        self.assertGreater(os.path.getsize(record), 0)

    def test_a_terminal_sees_progress_and_the_summary(self):
        terminal, other_end = pty.openpty()
        try:
            run = self.start("--workers", "1", stderr=other_end)
            os.close(other_end)
            run.write(request("echo"))
            run.finish()
            wait_readable(terminal, "progress")
            text = os.read(terminal, 1 << 16).decode()
        finally:
            os.close(terminal)
        self.assertIn("\r\x1b[K1 done, 0 failed, 0 in flight, ", text)
        self.assertIn("\r\x1b[Kordeal-pool: 1 request: 1 ok", text)


class Refusing(PoolToolTest):
    def test_mistakes_on_the_command_line_are_told_with_status_2(self):
        command = ["--", *WORKER]
        for words, message in [
            (["run"], "which worker? give its command after --, as in: run -- python3 bridge.py"),
            (["run", "--workers", "0", *command],
             "--workers: option size: 0 is out of range, allowed 1 to 1024"),
            (["run", "--set", "size", *command], "--set size: write --set name=value"),
            (["run", "--set", "sise=2", *command], '--set: unknown option "sise", did you mean size?'),
            (["run", "--set", "breaker.rule=sometimes", *command], "--set: option breaker.rule: "),
            (["run", "--concurrency", "2000", *command],
             "--concurrency 2000: more than queue_max 1000"),
        ]:
            status, text = self.refused(*words)
            self.assertEqual(status, 2, text)
            self.assertTrue(text.startswith("ordeal-pool: " + message), text)
        for words in ([], ["serve"], ["run", "--wrokers", "2", *command], ["status", *command]):
            status, text = self.refused(*words)
            self.assertEqual(status, 2, text)
            self.assertNotEqual(text, "")

    def test_mistakes_in_a_file_are_told_with_their_line(self):
        missing = os.path.join(self.folder, "missing.toml")
        wrong = self.file("wrong.toml", 'size = 2\nqueue_max = 0\n')
        for path, message in [
            (missing, missing + ": No such file or directory"),
            (self.folder, self.folder + ": Is a directory"),
            (wrong, wrong + ":2: option queue_max: 0 is out of range, allowed 1 to 1000000"),
        ]:
            status, text = self.refused("run", "--config", path, "--", *WORKER)
            self.assertEqual((status, text), (2, "ordeal-pool: " + message))

    def test_a_pool_that_cannot_start_is_status_3(self):
        status, text = self.refused("run", "--set", "start_failures_max=1", "--", "false")
        self.assertEqual(status, 3)
        self.assertTrue(text.startswith("ordeal-pool: the pool could not start: "), text)

    def test_files_that_cannot_be_opened_are_status_4(self):
        missing = os.path.join(self.folder, "no", "such")
        for option, message in [("--input", missing), ("--output", missing),
                                ("--events", "events file " + missing),
                                ("--socket", "socket " + missing)]:
            status, text = self.refused("run", option, missing, "--", *WORKER)
            self.assertEqual((status, text),
                             (4, "ordeal-pool: " + message + ": No such file or directory"))


class Configuring(PoolToolTest):
    def printed(self, *words):
        program = self.program("run", "--print-config", *words)
        program.end_input()
        text = "\n".join(program.out.rest()) + "\n"
        self.assertEqual(program.wait(), 0)
        return text

    def test_the_printed_configuration_reads_back_as_itself(self):
        first = self.printed("--workers", "3", "--set", "queue_max=17", "--set",
                             "environment.A=\"b c\"", "--", *WORKER)
        again = self.printed("--config", self.file("pool.toml", first))
        self.assertEqual(again, first)
        self.assertIn("size = 3\n", first)
        self.assertIn("queue_max = 17\n", first)

    def test_the_file_yields_to_set_and_set_to_the_flags(self):
        config = self.file("pool.toml", 'size = 2\noverflow = 5\nqueue_max = 50\n'
                                        'command = ["from-file"]\n')
        text = self.printed("--config", config, "--set", "size=3", "--set", "overflow=6",
                            "--workers", "4", "--", "from-flags", "--set", "size=9")
        for line in ('size = 4', 'overflow = 6', 'queue_max = 50',
                     'command = ["from-flags", "--set", "size=9"]'):
            self.assertIn(line + "\n", text)


if __name__ == "__main__":
    unittest.main()
