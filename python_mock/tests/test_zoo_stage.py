"""The animal that asks its director which one to be, and when."""

import json
import os
import socket
import tempfile
import unittest

from harness import EMPTY_BRIDGE, WorkerTestCase


class Director:
    """The other side of `play`: a listening socket."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "stage")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.folder.cleanup()

    def arrival(self):
        connection, _ = self.listener.accept()
        with connection.makefile("rb") as words:
            return connection, json.loads(words.readline())


class Play(WorkerTestCase):
    shared_flags = ("--faults",)
    shared_bridge = EMPTY_BRIDGE

    def test_it_says_what_it_has_in_hand_and_answers_only_when_it_is_told_how(self):
        with Director() as director:
            self.worker.send("play", {"stage": director.path, "ticket": "a"})
            connection, said = director.arrival()
            with connection:
                self.assertEqual(said, {"ticket": "a", "attempt": 1})
                connection.sendall(b'{"command": "echo", "args": {"ticket": "a"}}\n')
                self.assertEqual(self.worker.receive()["result"], {"ticket": "a"})

    def test_without_a_director_or_a_part_it_is_an_error_and_the_worker_serves_on(self):
        with Director() as director:
            self.worker.send("play", {"stage": director.path, "ticket": "a"})
            director.arrival()[0].close()
            self.assertEqual(self.worker.receive()["error"]["type"], "StageGone")
            self.worker.send("play", {"stage": director.path, "ticket": "b"})
            connection, _ = director.arrival()
            with connection:
                connection.sendall(b'{"command": "play"}\n')
                self.assertEqual(self.worker.receive()["error"]["type"], "InvalidArgument")
            gone = director.path
        self.assertEqual(self.worker.error("play", {"stage": gone, "ticket": "a"})["type"], "StageGone")
        self.assert_still_serves(self.worker)


if __name__ == "__main__":
    unittest.main()
