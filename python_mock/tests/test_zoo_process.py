"""The animals that die, hang, will not die, grow, or leave children behind."""

import os
import select
import signal
import unittest

from harness import WorkerTestCase, is_running, wait_gone, wait_readable


class Deaths(WorkerTestCase):
    def test_crash_exits_with_the_wanted_status_and_no_reply(self):
        worker = self.start_faulty()
        worker.send("crash", {"exit_code": 42})
        self.assertEqual(worker.wait_exit(), 42)
        self.assertEqual(worker.read_to_end(), b"")

    def test_crash_by_signal_takes_names_and_numbers_and_signals_that_were_ignored(self):
        for wanted, number in (("SIGKILL", signal.SIGKILL), (signal.SIGINT, signal.SIGINT), (15, signal.SIGTERM)):
            worker = self.start_faulty()
            worker.send("crash", {"signal": wanted})
            self.assertEqual(worker.wait_exit(), -number)

    def test_a_fatal_error_leaves_the_python_stack_on_stderr(self):
        worker = self.start_faulty()
        worker.send("crash", {"signal": "SIGABRT"})
        self.assertEqual(worker.wait_exit(), -signal.SIGABRT)
        self.assertIn("Fatal Python error: Aborted", worker.stderr_text())
        self.assertIn("in crash", worker.stderr_text())

    def test_a_stop_that_is_continued_is_survived(self):
        worker = self.start_faulty()
        worker.send("crash", {"signal": "SIGSTOP"})
        os.waitid(os.P_PID, worker.pid, os.WSTOPPED)
        worker.signal(signal.SIGCONT)
        self.assertEqual(worker.receive()["result"], {"survived": signal.SIGSTOP})

    def test_exit_after_reply_replies_first(self):
        worker = self.start_faulty()
        self.assertEqual(worker.result("exit_after_reply", {"exit_code": 6}), {"exiting": 6})
        self.assertEqual(worker.wait_exit(), 6)
        self.assertEqual(worker.read_to_end(), b"")


class Hangs(WorkerTestCase):
    def test_a_hang_takes_no_notice_of_the_end_of_input_but_of_sigterm(self):
        worker = self.start_faulty()
        worker.send("hang")
        worker.end_input()
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait_exit(), -signal.SIGTERM)

    def test_a_hang_with_the_gil_held_never_runs_its_sigterm_handler(self):
        worker = self.start_faulty(stderr_pipe=True)
        worker.send("hang", {"gil": True})
        worker.wait_until_asleep_in("_lock_again")  # And so a dump works although the GIL is held.
        worker.signal(signal.SIGTERM)
        stack = worker.dump_stacks()
        self.assertIn("in _lock_again\n", stack)
        self.assertTrue(is_running(worker.pid))
        worker.signal(signal.SIGKILL)
        self.assertEqual(worker.wait_exit(), -signal.SIGKILL)


    def test_a_hang_with_the_gil_held_stops_the_other_threads_too(self):
        (listen, wake), (told, speak) = os.pipe(), os.pipe()
        for fd in (listen, wake, told, speak):
            self.addCleanup(os.close, fd)
        worker = self.start_ready("--faults", stderr_pipe=True, pass_fds=[listen, speak])
        worker.result("start_parrot", {"listen": listen, "speak": speak})
        os.write(wake, b"a")
        wait_readable(told, "the parrot")
        self.assertEqual(os.read(told, 1), b"a")
        worker.send("hang", {"gil": True})
        worker.wait_until_asleep_in("_lock_again")
        os.write(wake, b"b")
        # Time enough to repeat it, if it could. (Whether it takes the byte does not matter: it may already have been
        # waiting for the GIL when the hang took it, and then never reads.)
        for _ in range(20):
            worker.dump_stacks()
        self.assertEqual(select.select([told], [], [], 0)[0], [])


class Stubbornness(WorkerTestCase):
    def test_ignore_signals_ignores_the_polite_ones_but_not_the_end_of_input(self):
        worker = self.start_faulty()
        self.assertEqual(worker.result("ignore_signals"), {"ignored": ["SIGTERM", "SIGINT", "SIGHUP"]})
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            worker.signal(number)
            self.assert_still_serves(worker)
        worker.end_input()
        self.assertEqual(worker.wait_exit(), 0)

    def test_refuse_to_die_survives_signals_shutdown_and_any_end_of_input(self):
        for last_bytes in (b"", b"\x00"):  # Between two frames, and inside one.
            self.assert_refuses_to_die(last_bytes)

    def assert_refuses_to_die(self, last_bytes):
        worker = self.start_faulty(stderr_pipe=True)
        worker.result("refuse_to_die")
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.result("shutdown")["status"], "shutting_down")
        self.assert_still_serves(worker)
        worker.send_bytes(last_bytes)
        worker.end_input()
        worker.wait_until_asleep_in("pause_forever")
        worker.signal(signal.SIGTERM)
        self.assertIn("in pause_forever\n", worker.dump_stacks())
        worker.signal(signal.SIGKILL)
        self.assertEqual(worker.wait_exit(), -signal.SIGKILL)


class Growth(WorkerTestCase):
    def resident_mb(self, worker):
        with open("/proc/%d/statm" % worker.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20

    def test_grow_memory_takes_real_memory_and_keeps_it(self):
        worker = self.start_faulty()
        before = self.resident_mb(worker)
        self.assertEqual(worker.result("grow_memory", {"mb": 20}), {"held_mb": 20})
        self.assertEqual(worker.result("grow_memory", {"mb": 15}), {"held_mb": 35})
        self.assertGreaterEqual(self.resident_mb(worker) - before, 34)


class Grandchildren(WorkerTestCase):
    def open_files(self, pid):
        folder = "/proc/%d/fd" % pid
        return {os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)}

    def pipes_of(self, worker):
        """The protocol's two pipes and stderr, as the worker's own descriptors name them."""
        return {os.readlink("/proc/self/fd/%d" % fd) for fd in (worker.request_fd, worker.reply_fd)}

    def bury(self, pids):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid)

    def end_and_reap(self, worker, pids):
        worker.end_input()
        worker.wait_exit()
        self.bury(pids)
        for pid in pids:
            os.waitpid(pid, 0)  # Ours since their parent died.

    def test_grandchildren_are_in_the_workers_group_and_hold_none_of_its_pipes(self):
        worker = self.start_faulty()
        pids = worker.result("grandchildren", {"count": 2})["pids"]
        self.assertEqual(len(set(pids)), 2)
        for pid in pids:
            self.assertTrue(is_running(pid))
            self.assertEqual(os.getpgid(pid), worker.pid)
            self.assertEqual(self.open_files(pid), {"/dev/null"})
        os.killpg(worker.pid, signal.SIGTERM)
        for pid in pids:
            wait_gone(pid)

    def test_the_end_of_the_worker_is_seen_although_its_grandchildren_live_on(self):
        worker = self.start_faulty()
        pids = worker.result("grandchildren")["pids"]
        worker.signal(signal.SIGKILL)
        self.assertEqual(worker.read_to_end(), b"")
        self.assertTrue(is_running(pids[0]))
        self.end_and_reap(worker, pids)

    def test_ignore_term_makes_them_survive_sigterm(self):
        worker = self.start_faulty()
        pids = worker.result("grandchildren", {"ignore_term": True})["pids"]
        with open("/proc/%d/status" % pids[0]) as status:
            ignored = int(next(line for line in status if line.startswith("SigIgn")).split()[1], 16)
        self.assertTrue(ignored & 1 << (signal.SIGTERM - 1))
        self.end_and_reap(worker, pids)

    def test_setsid_takes_them_out_of_the_group(self):
        worker = self.start_faulty()
        (pid,) = worker.result("grandchildren", {"setsid": True})["pids"]
        self.assertEqual((os.getpgid(pid), os.getsid(pid)), (pid, pid))
        self.end_and_reap(worker, [pid])

    def test_they_can_be_told_to_hold_stderr_or_everything(self):
        worker = self.start_faulty()
        (stderr_holder,) = worker.result("grandchildren", {"hold": "stderr"})["pids"]
        (all_holder,) = worker.result("grandchildren", {"hold": "protocol"})["pids"]
        held = self.open_files(stderr_holder)
        self.assertEqual(len(held), 2)  # /dev/null and the file that is stderr.
        self.assertFalse(held & self.pipes_of(worker))
        self.assertTrue(self.pipes_of(worker) <= self.open_files(all_holder))
        self.end_and_reap(worker, [stderr_holder, all_holder])


if __name__ == "__main__":
    unittest.main()
