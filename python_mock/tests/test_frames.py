"""The same frames come out of the stream, whatever the chunks in which its bytes arrive."""

import errno
import itertools
import os
import select
import socket
import struct
import threading
import unittest

from harness import WorkerTestCase, frame
from cites import cites, cites_bug_class

import ordeal_worker.wire as wire_module
from ordeal_worker.wire import FrameError, Wire

BODIES = [b'{"id":1}', b"", b"\xff" * 5, b"{}"]
STREAM = b"".join(map(frame, BODIES))


def wire_fed_with(chunks, ended=True, **options):
    """A wire whose every read returns one of these chunks: a packet socket keeps their bounds."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for chunk in chunks:
        theirs.send(chunk)
    if ended:
        theirs.close()
    wire = Wire(ours.fileno(), -1, **options)
    return wire, (ours, theirs)


def all_frames(chunks, **options):
    wire, sockets = wire_fed_with(chunks, **options)
    try:
        return list(iter(wire.next_frame, None))
    finally:
        for end in sockets:
            end.close()


def cut(data, *places):
    bounds = [0, *places, len(data)]
    return [data[start:end] for start, end in zip(bounds, bounds[1:]) if start < end]


class FramesUnderAnyChunking(unittest.TestCase):
    def test_a_stream_in_one_piece_gives_its_frames(self):
        self.assertEqual(all_frames([STREAM]), BODIES)

    @cites(15)
    def test_a_stream_cut_at_any_two_places_gives_the_same_frames(self):
        for places in itertools.combinations(range(len(STREAM) + 1), 2):
            self.assertEqual(all_frames(cut(STREAM, *places)), BODIES, places)

    @cites(15)
    def test_a_stream_of_single_bytes_gives_the_same_frames(self):
        self.assertEqual(all_frames(cut(STREAM, *range(len(STREAM)))), BODIES)

    def test_frames_taken_aside_during_a_request_keep_their_order(self):
        for place in range(len(STREAM) + 1):
            wire, sockets = wire_fed_with(cut(STREAM, place))
            while not wire.ended:
                wire.gather()
            self.assertEqual(list(iter(wire.next_frame, None)), BODIES, place)
            for end in sockets:
                end.close()

    def test_end_of_input_inside_a_frame_is_an_error_at_any_place(self):
        inside = set(range(len(STREAM))) - {sum(len(frame(body)) for body in BODIES[:count]) for count in range(4)}
        for place in sorted(inside):
            with self.assertRaisesRegex(FrameError, "in the middle of a frame", msg=place):
                all_frames(cut(STREAM[:place], 3))

    def test_a_frame_at_the_cap_is_taken_and_one_byte_more_is_refused(self):
        self.assertEqual(all_frames([frame(b"x" * 10)], max_frame_bytes=10), [b"x" * 10])
        with self.assertRaisesRegex(FrameError, "11 bytes"):
            all_frames([frame(b"x" * 11)], max_frame_bytes=10)

    @cites_bug_class(14)
    def test_a_refused_length_is_refused_before_its_body_comes(self):
        wire, sockets = wire_fed_with([struct.pack(">I", 0xFFFFFFFF)], ended=False)
        self.assertRaises(FrameError, wire.next_frame)
        for end in sockets:
            end.close()

    def test_a_refused_length_seen_while_a_request_runs_ends_the_stream(self):
        wire, sockets = wire_fed_with([frame(b"{}") + struct.pack(">I", 0xFFFFFFFF)], ended=False)
        wire.gather()
        self.assertTrue(wire.ended)
        self.assertEqual(wire.next_frame(), b"{}")
        self.assertRaises(FrameError, wire.next_frame)
        for end in sockets:
            end.close()


class WritingFrames(unittest.TestCase):
    def test_a_frame_is_written_whole_when_each_write_takes_only_a_part(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        real_write = wire_module._write
        self.addCleanup(setattr, wire_module, "_write", real_write)
        wire_module._write = lambda fd, data: real_write(fd, bytes(data[:7]))
        Wire(-1, writer).send(STREAM)
        self.assertEqual(os.read(reader, 1000), STREAM)


class PipesThatDoNotBlock(unittest.TestCase):
    """Somebody who shares the pipe has made it non-blocking. The other side begins when EAGAIN has been seen."""

    def setUp(self):
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.would_block = threading.Event()
        for name in ("_read", "_write"):
            real = getattr(wire_module, name)
            self.addCleanup(setattr, wire_module, name, real)
            setattr(wire_module, name, self.watched(real))

    def watched(self, real):
        def call(*arguments):
            try:
                return real(*arguments)
            except BlockingIOError:
                self.would_block.set()
                raise

        return call

    def beside(self, work):
        thread = threading.Thread(target=lambda: self.would_block.wait() and work())
        thread.start()
        self.addCleanup(thread.join)

    def test_a_read_waits_for_bytes(self):
        def feed():
            for byte in STREAM:
                os.write(self.writer, bytes([byte]))
            os.close(self.writer)

        os.set_blocking(self.reader, False)
        self.beside(feed)
        self.assertEqual(list(iter(Wire(self.reader, -1).next_frame, None)), BODIES)
        self.assertTrue(self.would_block.is_set())

    def test_a_write_waits_for_room(self):
        body, arrived = b"x" * (1 << 20), []

        def drain():
            arrived.extend(iter(lambda: os.read(self.reader, 1 << 16), b""))

        os.set_blocking(self.writer, False)
        self.beside(drain)
        self.addCleanup(os.close, self.writer)  # Before it is waited for the reader's end.
        Wire(-1, self.writer).send(frame(body))
        self.doCleanups()
        self.assertEqual(b"".join(arrived), frame(body))
        self.assertTrue(self.would_block.is_set())

    def test_a_full_pipe_takes_nothing_of_a_frame_at_first(self):
        self.addCleanup(os.close, self.writer)
        os.set_blocking(self.writer, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(self.writer, b"." * select.PIPE_BUF)
        self.beside(lambda: os.read(self.reader, 1 << 20))
        Wire(-1, self.writer).send(STREAM)
        self.assertEqual(os.read(self.reader, 1 << 20)[-len(STREAM):], STREAM)

    def test_a_read_that_fails_during_a_request_is_told_by_the_next_one(self):
        os.write(self.writer, frame(b"{}") + b"\x00")
        os.close(self.writer)
        wire = Wire(self.reader, -1)
        wire.gather()

        def fail(*_arguments):
            raise OSError(errno.EIO, "a broken pipe end")

        wire_module._read = fail
        wire.gather()
        self.assertTrue(wire.ended)
        self.assertEqual(wire.next_frame(), b"{}")
        with self.assertRaisesRegex(OSError, "a broken pipe end"):
            wire.next_frame()


class FramesOverARealPipe(WorkerTestCase):
    shared_flags = ()

    def test_a_request_written_byte_by_byte_is_answered(self):
        for byte in frame({"id": 5, "command": "echo", "args": {"a": "ü€𝄞"}}):
            self.worker.send_bytes(bytes([byte]))
        self.assertEqual(self.worker.receive()["result"], {"a": "ü€𝄞"})

    def test_two_requests_in_one_write_are_answered_in_order(self):
        both = [frame({"id": number, "command": "echo", "args": {"n": number}}) for number in (8, 9)]
        self.worker.send_bytes(b"".join(both))
        self.assertEqual([self.worker.receive()["result"]["n"] for _ in both], [8, 9])

    def test_megabytes_pass_in_both_directions(self):
        text = "0123456789abcdef" * (1 << 16)
        self.assertEqual(self.worker.result("echo", {"text": text})["text"], text)


if __name__ == "__main__":
    unittest.main()
