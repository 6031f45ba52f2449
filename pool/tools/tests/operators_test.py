"""`ordeal-pool dump`, `why`, `resize`, `drain`, `pause`, `resume`, `roll` on a running pool, from outside."""

import json
import os
import signal
import unittest

from harness import WORKER, PoolToolTest, request


class Operating(PoolToolTest):
    def ask(self, *words):
        """What an operator's command prints, and its exit status."""
        program = self.program(*words)
        program.end_input()
        text = "\n".join(program.out.rest())
        return text, "\n".join(program.err.rest()), program.wait()

    def dump(self, *words):
        text, _, status = self.ask("dump", "--json", *words)
        self.assertEqual(status, 0)
        return json.loads(text)

    def await_dump(self, holds):
        """The first dump of which it is true: each one waits for the pool's answer."""
        for _ in range(1000):
            dump = self.dump()
            if holds(dump):
                return dump
        raise AssertionError("never came true: %r" % dump)

    def begin(self, *options):
        """A run whose pool has served somebody."""
        run = self.start(*options)
        self.serves(run)
        return run

    def serves(self, run):
        run.write(request("echo", args={"x": 1}))
        self.assertEqual(run.outcome()["result"], {"x": 1})

    def test_a_busy_worker_is_named_with_its_request_and_its_stack_and_no_payload(self):
        run = self.begin("--workers", "1", "--concurrency", "2")
        run.write(request("busy", args={"ms": 60000, "secret": "swordfish"}, label="night")
                  + request("echo"))
        dump = self.await_dump(lambda d: d["queue"] and "in busy" in d["workers"][0].get("stacks", ""))
        self.assertEqual(dump["workers"][0]["request"]["command"], "busy")
        self.assertEqual(dump["workers"][0]["request"]["label"], "night")
        self.assertEqual(dump["queue"][0]["command"], "echo")
        self.assertIn("queue_deadline", [timer["timer"] for timer in dump["timers"]])
        number = dump["workers"][0]["request"]["request"]
        self.assertTrue(any("request %d" % number in event for event in dump["events"]), dump["events"])
        self.assertNotIn("swordfish", json.dumps(dump))
        why, _, status = self.ask("why")
        self.assertEqual(status, 0)
        self.assertRegex(why, r"^request \d+ \(echo\) has waited for .*: all 1 workers are busy; worker 1 has had "
                              r'request \d+ \(busy\) "night" for .*: it computes, in File ')
        text, _, status = self.ask("dump", "1")
        self.assertEqual(status, 0)
        for part in ("worker 1  pid ", " running (busy) [night]", "queue: 1", "timers due",
                     "last ", "in busy"):
            self.assertIn(part, text)
        self.assertEqual(self.ask("dump", "9")[1:],
                         ("ordeal-pool: worker_not_found: worker 9: there is none", 1))
        run.interrupt()
        run.err.until("stopping")
        run.interrupt()
        self.assertEqual(run.finish()[2], 137)

    def test_a_stopped_worker_is_named(self):
        run = self.begin("--workers", "1")
        run.write(request("pid"))
        pid = run.outcome()["result"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        run.write(request("echo"))
        self.await_dump(lambda d: d["workers"][0]["process"] == "stopped" and "request" in d["workers"][0])
        self.assertIn("its process is stopped (SIGSTOP", self.ask("why")[0])
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(run.outcome()["outcome"], "ok")
        self.assertEqual(run.finish()[2], 0)

    def test_size_workers_and_program_change_and_no_request_fails(self):
        run = self.begin("--workers", "2")
        self.assertEqual(self.ask("resize", "3"), ("3 workers serve", "", 0))
        self.assertEqual(self.ask("resize", "1"), ("1 workers serve", "", 0))
        self.serves(run)
        worker = self.dump()["workers"][0]["worker"]
        self.assertEqual(self.ask("drain", str(worker)),
                         ("worker %d has left, replaced" % worker, "", 0))
        self.assertEqual(self.ask("drain", str(worker))[1:],
                         ("ordeal-pool: worker_not_found: worker %d: no such worker serves" % worker, 1))
        self.serves(run)
        self.assertEqual(self.ask("roll", "--", *WORKER), ("rolled to generation 2", "", 0))
        _, message, status = self.ask("roll", "--", "false")
        self.assertEqual(status, 1)
        self.assertTrue(message.startswith("ordeal-pool: roll_failed: "), message)
        self.assertIn("gone back to generation 2", message)
        self.serves(run)
        self.assertEqual(self.ask("roll"), ("rolled to generation 4", "", 0))
        self.serves(run)
        _, messages, status = run.finish()
        self.assertEqual(status, 0, messages)
        self.assertNotIn("lost", messages[-1])

    def test_paused_it_lets_wait_and_drained_it_lets_nobody_in(self):
        run = self.begin("--workers", "1")
        self.assertEqual(self.ask("pause"), ("paused: who comes waits", "", 0))
        run.write(request("echo"))
        self.await_dump(lambda d: len(d["queue"]) == 1)
        self.assertIn("the pool is paused; resume it", self.ask("why")[0])
        self.assertEqual(self.ask("resume"), ("resumed", "", 0))
        self.assertEqual(run.outcome()["outcome"], "ok")
        self.assertEqual(self.ask("drain")[2], 0)
        run.write(request("echo"))
        self.assertEqual(run.outcome()["error"]["code"], "pool_draining")
        self.assertIn("the pool is draining", self.ask("why")[0])
        self.assertEqual(self.ask("resume")[2], 0)
        self.serves(run)
        self.assertEqual(run.finish()[2], 1)

    def test_an_operation_under_way_ends_with_the_run(self):
        run = self.begin("--workers", "1")
        rolling = self.program("roll", "--", *WORKER, "--start-hang")
        rolling.end_input()
        self.await_dump(lambda d: len(d["workers"]) == 2)
        self.assertEqual(run.finish()[2], 0)
        self.assertEqual(rolling.wait(), 4)
        self.assertEqual(rolling.out.rest(), [])
        self.assertNotEqual(rolling.err.rest(), [])

    def test_without_a_running_pool_that_is_said(self):
        for words in (["why"], ["dump"], ["resize", "2"], ["roll"]):
            text, message, status = self.ask(*words)
            self.assertEqual((text, status), ("", 3))
            self.assertIn("no running pool", message)
        for words in (["resize"], ["resize", "-1"], ["dump", "0"], ["why", "--", "x"]):
            self.assertEqual(self.ask(*words)[2], 2, words)


if __name__ == "__main__":
    unittest.main()
