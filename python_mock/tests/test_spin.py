"""Workers that look for their next request for a while before they sleep."""

import os
import unittest
from unittest import mock

from harness import SAMPLE_BRIDGE, WorkerTestCase, frame
from ordeal_worker import spin

COUNT = 1024


class LookingWorker(WorkerTestCase):
    def start_looking(self, spin_us=1000):
        worker = self.start(bridge=SAMPLE_BRIDGE)
        offer = {"protocol": 1, "capabilities": [], "spin_us": spin_us}
        answer = worker.result("ping", {"ordeal": offer}, request_id=0)
        self.assertEqual(answer["ordeal"], {"protocol": 1, "capabilities": [], "slots": 1})
        return worker

    def test_it_answers_each_request_however_its_bytes_come(self):
        worker = self.start_looking()
        for i in range(200):
            self.assertEqual(worker.result("echo", {"i": i}), {"i": i})
        request = frame({"id": 1000, "command": "echo", "args": {"in": "pieces"}})
        for at in range(0, len(request), 7):
            worker.send_bytes(request[at : at + 7])
        self.assertEqual(worker.receive()["result"], {"in": "pieces"})
        worker.send_bytes(b"".join(frame({"id": i, "command": "echo", "args": {}}) for i in (1001, 1002)))
        self.assertEqual([worker.receive()["id"] for _ in range(2)], [1001, 1002])

    def test_it_sees_the_end_of_its_requests(self):
        worker = self.start_looking()
        worker.end_input()
        self.assertEqual(worker.wait_exit(), 0)

    def test_a_time_that_makes_no_sense_is_not_heeded(self):
        for spin_us in (None, 0, -1, "5", True, 1e9):
            worker = self.start_looking(spin_us)
            self.assertEqual(worker.result("echo", {}), {}, spin_us)


class Clock:
    """Time that passes at each look by what a turn takes."""

    def __init__(self, turn_ns):
        self.at, self.turn_ns = 0, turn_ns

    def __call__(self):
        self.at += self.turn_ns
        return self.at


class Looking(unittest.TestCase):
    def setUp(self):
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.writer)
        self.addCleanup(os.close, self.reader)
        self.turns = 0
        self.clock = Clock(1000)
        self.at_turn = {}
        replaced = {"_now": lambda: self.clock(), "_yield": self.turn, "_is_one_processor": lambda: False}
        for name, instead in replaced.items():
            patch = mock.patch.object(spin, name, instead)
            patch.start()
            self.addCleanup(patch.stop)
        self.spinner = spin.Spinner(self.reader, 50)
        self.addCleanup(os.close, self.spinner._fd)

    def turn(self):
        self.turns += 1
        self.at_turn.pop(self.turns, lambda: None)()

    def read(self):
        self.spinner.note_arrival()
        return self.spinner.read(COUNT)

    def test_what_comes_while_it_looks_is_read(self):
        self.at_turn[3] = lambda: os.write(self.writer, b"request")
        self.assertEqual(self.read(), b"request")
        self.assertEqual(self.turns, 3)

    def test_it_looks_no_longer_than_it_was_asked_to(self):
        self.assertIsNone(self.read())
        self.assertLessEqual(self.turns, 51)
        self.assertGreater(self.turns, 40)

    def test_in_vain_it_tries_one_wait_in_sixteen(self):
        self.assertIsNone(self.read())
        waits_that_looked = 0
        for _ in range(4 * spin.WAITS_BETWEEN_TRIES):
            before = self.turns
            self.assertIsNone(self.read())
            waits_that_looked += self.turns > before
        self.assertEqual(waits_that_looked, 4)

    def test_once_it_is_worth_it_again_it_looks_each_time(self):
        self.assertIsNone(self.read())
        os.write(self.writer, b"request")
        while self.read() is None:
            pass
        for _ in range(20):
            os.write(self.writer, b"request")
            self.assertEqual(self.read(), b"request")

    def test_behind_a_request_that_took_long_it_does_not_look(self):
        self.spinner.note_arrival()
        self.clock.at += spin.SERVICE_MAX_NS
        self.assertIsNone(self.spinner.read(COUNT))
        self.assertEqual(self.turns, 0)

    def test_where_a_turn_goes_to_a_stranger_it_looks_no_more_for_a_while(self):
        self.at_turn[1] = lambda: self.clock.__setattr__("at", self.clock.at + 4_000_000)
        self.assertIsNone(self.read())
        self.assertEqual(self.turns, 1)
        self.assertIsNone(self.read())
        self.assertEqual(self.turns, 1)
        self.clock.at += spin.PAUSE_MIN_NS
        os.write(self.writer, b"request")
        self.assertEqual(self.read(), b"request")

    def test_on_one_processor_it_does_not_look(self):
        with mock.patch.object(spin, "_is_one_processor", lambda: True):
            alone = spin.Spinner(self.reader, 50)
        self.addCleanup(os.close, alone._fd)
        self.assertIsNone(alone.read(COUNT))
        self.assertEqual(self.turns, 0)

    def test_it_sees_the_end(self):
        reader, writer = os.pipe()
        ended = spin.Spinner(reader, 50)
        for descriptor in (writer, reader):
            os.close(descriptor)
        self.addCleanup(os.close, ended._fd)
        self.assertEqual(ended.read(COUNT), b"")


if __name__ == "__main__":
    unittest.main()
