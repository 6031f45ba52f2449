"""`ordeal-pool run` interrupted, abandoned, and asked how it is."""

import json
import os
import signal
import socket
import stat
import unittest

from harness import (PoolToolTest, await_and_reap, own_children, request, wait_readable)


class Stopping(PoolToolTest):
    def test_an_interrupt_drains_what_was_submitted(self):
        run = self.start("--workers", "2", "--concurrency", "6")
        run.write("".join(request("sleep", args={"ms": 20}, id=number) for number in range(500)))
        self.assertEqual(run.outcome()["outcome"], "ok")
        run.interrupt()
        outcomes = [json.loads(line) for line in run.out.rest()]  # its end, with the input open
        self.assertEqual(run.wait(), 130)
        self.assertTrue(all(outcome["outcome"] == "ok" for outcome in outcomes))
        ids = [outcome["id"] for outcome in outcomes]
        # Everything up to some line was answered, once; the rest was never taken.
        self.assertEqual(sorted(ids), list(range(len(ids))))
        self.assertLess(len(ids), 500)
        messages = run.err.rest()
        self.assertRegex(messages[0], r"stopping; \d requests in flight; once more kills")
        self.assertRegex(messages[-1], r"^ordeal-pool: %d requests: %d ok" % (len(ids), len(ids)))

    def test_a_second_interrupt_kills_and_still_answers(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            run = self.start("--workers", "1", "--concurrency", "3")
            busy = request("progress", args={"count": 1000000, "every_ms": 1})
            run.write(request("echo") + busy + request("echo"))
            self.assertEqual(run.outcome()["outcome"], "ok")
            self.await_progress()  # else the worker may not have seen it: then it is just failed
            run.interrupt(number)
            run.err.until("stopping; 2 requests in flight")
            run.interrupt(number)
            outcomes, _, status = run.finish()
            self.assertEqual(status, 137)
            found = {outcome["line"]: outcome for outcome in outcomes}
            self.assertEqual((found[2]["outcome"], found[2]["error"]["code"]),
                             ("indeterminate", "stopped_in_flight"))
            self.assertEqual((found[3]["outcome"], found[3]["error"]["code"]),
                             ("failed", "pool_stopping"))

    def await_progress(self):
        while True:
            asked = self.program("status", "--json")
            outcomes, _, status = asked.finish()
            self.assertEqual(status, 0)
            if any("last_progress" in worker for worker in outcomes[0]["workers"]):
                return

    def test_an_interrupt_while_the_pool_starts_ends_it(self):
        os.mkfifo(self.path("up"))
        reader = os.open(self.path("up"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        worker = ["sh", "-c", "echo up > %s; exec cat > /dev/null" % self.path("up")]
        run = self.start("--workers", "1", worker=worker)
        wait_readable(reader, "the start of the worker")
        asked = self.program("status", "--json")
        self.assertEqual(json.loads(asked.out.next())["stage"], "starting")
        self.assertEqual(asked.finish()[2], 0)
        run.interrupt()
        self.assertEqual(run.wait(), 130)
        self.assertEqual(run.err.rest(), ["ordeal-pool: interrupted before the pool was ready"])
        for pid in own_children():
            await_and_reap(pid)  # ended by the warden, which then ends itself

    def test_a_reader_that_goes_away_ends_the_run_quietly(self):
        run = self.start("--workers", "2")
        run.write(request("echo") + request("hang"))
        self.assertEqual(run.outcome()["outcome"], "ok")
        run.close_output()
        self.assertEqual(run.wait(), 4)
        self.assertEqual(run.err.rest(), [])

    def test_reading_stops_when_the_bound_is_reached(self):
        run = self.start("--workers", "1", "--set", "queue_max=5", "--concurrency", "5")
        run.write(request("echo") + request("hang") + request("echo") * 500)
        self.assertEqual(run.outcome()["outcome"], "ok")
        asked = self.program("status", "--json")
        report = json.loads(asked.out.next())
        asked.finish()
        self.assertEqual((report["run"]["read"], report["run"]["in_flight"]), (6, 5))
        self.assertEqual(report["pool"]["rejected"], 0)
        run.interrupt()
        run.err.until("once more kills")
        run.interrupt()
        self.assertEqual(run.finish()[2], 137)


class Asking(PoolToolTest):
    def busy_run(self, *options):
        run = self.start("--workers", "2", *options)
        run.write(request("echo") + request("hang"))
        self.assertEqual(run.outcome()["outcome"], "ok")
        return run

    def kill(self, run):
        run.interrupt()
        run.err.until("once more kills")
        run.interrupt()
        self.assertEqual(run.finish()[2], 137)

    def asked(self, *options):
        program = self.program("status", *options)
        program.end_input()
        return program.out.rest(), program.err.rest(), program.wait()

    def test_a_running_pool_answers_with_a_table_or_json(self):
        run = self.busy_run()
        lines, _, status = self.asked()
        self.assertEqual(status, 0)
        self.assertRegex(lines[0], r"^pid %d  pool  running for .* mock_bridge.py --faults$"
                         .replace(" mock", ".*mock") % run.pid)
        self.assertRegex(lines[1], "^requests  2 read: 1 ok, 0 failed, 0 indeterminate, "
                                   "1 in flight; ")
        self.assertRegex(lines[2], r"^workers   2 \(\+ 0 overflow\): 1 idle, 1 busy, 0 starting")
        self.assertEqual(lines[4], "queue     0 of 1000")
        self.assertEqual(len(lines), 9)  # a blank line, the heading, two workers
        report = json.loads(self.asked("--json")[0][0])
        self.assertEqual((report["pid"], report["stage"]), (run.pid, "running"))
        self.assertEqual(sorted(worker["state"] for worker in report["workers"]),
                         ["busy", "ready"])
        self.kill(run)

    def test_the_socket_is_its_owners_alone(self):
        run = self.busy_run()
        folder = os.path.join(self.folder, "run")
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        self.assertEqual(os.listdir(folder), ["ordeal-pool-%d.sock" % run.pid])
        path = os.path.join(folder, os.listdir(folder)[0])
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.kill(run)

    def test_several_runs_are_listed(self):
        runs = [self.busy_run(), self.busy_run("--set", "name=other")]
        lines, _, status = self.asked()
        self.assertEqual(status, 0)
        self.assertEqual({line.split()[1] for line in lines}, {str(run.pid) for run in runs})
        self.assertTrue(all("--socket " in line for line in lines))
        for run in runs:
            self.kill(run)

    def test_a_stale_socket_is_replaced_and_a_live_one_is_not(self):
        path = self.path("socket")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        run = self.busy_run("--socket", path)
        self.assertEqual(self.asked("--socket", path)[2], 0)
        status, text = self.refused("run", "--socket", path, "--", "false")
        self.assertEqual((status, text),
                         (4, "ordeal-pool: socket %s: another run is listening there" % path))
        self.kill(run)
        self.assertFalse(os.path.exists(path))

    def test_what_is_no_socket_is_left_alone(self):
        path = self.file("precious", "data")
        status, text = self.refused("run", "--socket", path, "--", "false")
        self.assertEqual((status, text),
                         (4, "ordeal-pool: socket %s: exists and is not a socket" % path))
        with open(path) as stream:
            self.assertEqual(stream.read(), "data")

    def test_slow_and_many_clients_harm_nobody(self):
        path = self.path("socket")
        run = self.busy_run("--socket", path)
        idle = []
        for _ in range(12):  # more than are served at once; none of them reads
            idle.append(socket.socket(socket.AF_UNIX))
            idle[-1].connect(path)
        run.write(request("echo"))
        self.assertEqual(run.outcome()["outcome"], "ok")
        self.assertEqual(self.asked("--socket", path)[2], 0)
        for client in idle:
            client.close()
        self.kill(run)

    def test_nobody_there_is_status_3(self):
        self.assertEqual(self.asked()[1:], (
            ["ordeal-pool: no running pool of this user was found; --socket PATH asks one that "
             "listens elsewhere"], 3))
        path = os.path.join(self.folder, "missing")
        self.assertEqual(self.asked("--socket", path)[1:],
                         (["ordeal-pool: socket %s: No such file or directory" % path], 3))


if __name__ == "__main__":
    unittest.main()
