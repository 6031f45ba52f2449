"""Frames in and out: a 4-byte big-endian length, then that many bytes of UTF-8 JSON.

Invariants:
* A length above the cap is refused before anything is allocated for it.
* Whatever the chunks in which bytes arrive, the same frames come out.
* A frame leaves in one write of header and body together, so that a reader usually needs one read.
* A read or write that would block (EAGAIN: somebody has made the pipe non-blocking) waits and is done again; one that a
  signal interrupted (EINTR) Python does again by itself. Any other error is the end of the stream: OSError.
"""

import collections
import os
import select
import struct

READ_BYTES = 64 * 1024  # A Linux pipe holds no more than this by default.
MAX_FRAME_BYTES = 64 * 1024 * 1024
HEADER_BYTES = 4

_header = struct.Struct(">I")
pack_header = _header.pack
_unpack_header = _header.unpack_from
_read = os.read
_write = os.write


class FrameError(Exception):
    """The stream of requests is broken for good: nothing after this byte can be understood."""


class Wire:
    """The two private descriptors of a worker: requests come in on one, replies go out on the other."""

    __slots__ = (
        "request_fd", "reply_fd", "max_frame_bytes", "ended", "waiting", "spinner", "_buffer", "_failure", "_read_bytes"
    )

    def __init__(self, request_fd, reply_fd, max_frame_bytes=MAX_FRAME_BYTES):
        self.request_fd = request_fd
        self.reply_fd = reply_fd
        self.max_frame_bytes = max_frame_bytes
        self.ended = False  # True once end of file was seen.
        self.waiting = collections.deque()  # Whole frames that arrived while a request was running.
        self.spinner = None  # Looks for the next frame for a while before next_frame() sleeps (spin.py).
        self._buffer = bytearray()  # Bytes of frames that are not whole yet.
        self._failure = None  # Of a read during a request, for whoever reads the next one.
        # The fast path below need not ask the cap: no larger frame fits into one read.
        self._read_bytes = min(READ_BYTES, HEADER_BYTES + max_frame_bytes)

    def next_frame(self):
        """Wait for the next frame and return its body; None at a clean end of file.

        Raises FrameError when the stream ends in the middle of a frame or a length is above the cap.
        """
        if not self._buffer and not self.waiting and not self.ended:
            data = None if self.spinner is None else self.spinner.read(self._read_bytes)
            if data is None:
                data = self._read_asleep()
            size = len(data)
            if size >= HEADER_BYTES and _unpack_header(data)[0] == size - HEADER_BYTES:
                return data[HEADER_BYTES:]
            if data:
                self._buffer += data
            else:
                self.ended = True
        return self._next_buffered()

    def _read_asleep(self):
        try:
            data = _read(self.request_fd, self._read_bytes)
        except BlockingIOError:
            data = self._read_when_there(self._read_bytes)
        if self.spinner is not None:
            self.spinner.note_arrival()
        return data

    def _next_buffered(self):
        while True:
            if self.waiting:
                return self.waiting.popleft()
            body = self._take_whole_frame()
            if body is not None:
                return body
            if self._failure is not None:
                raise self._failure
            if self.ended:
                if self._buffer:
                    raise FrameError("end of input in the middle of a frame (%d bytes of it came)" % len(self._buffer))
                return None
            self._read_more()

    def _read_more(self):
        data = self._read_when_there(READ_BYTES)
        if data:
            self._buffer += data
        else:
            self.ended = True

    def _read_when_there(self, count):
        while True:
            try:
                return _read(self.request_fd, count)
            except BlockingIOError:
                _await(self.request_fd, select.POLLIN)

    def _take_whole_frame(self):
        """Cut one whole frame off the buffer, or return None."""
        buffer = self._buffer
        if len(buffer) < HEADER_BYTES:
            return None
        size = _unpack_header(buffer)[0]
        if size > self.max_frame_bytes:
            raise FrameError("a frame of %d bytes is announced, the cap is %d" % (size, self.max_frame_bytes))
        end = HEADER_BYTES + size
        if len(buffer) < end:
            return None
        body = bytes(buffer[HEADER_BYTES:end])
        del buffer[:end]
        return body

    def gather(self, timeout_ms=0):
        """Move whole frames that have arrived to `waiting`, after waiting at most timeout_ms for one more byte.

        Broken framing, or a read that fails, ends the stream here and is reported by next_frame.
        """
        if not self.ended and _await(self.request_fd, select.POLLIN, timeout_ms):
            try:
                self._read_more()
            except OSError as error:
                self.ended, self._failure = True, error
        try:
            while True:
                body = self._take_whole_frame()
                if body is None:
                    return
                self.waiting.append(body)
        except FrameError:
            self.ended = True

    def send(self, frame):
        """Write a whole frame, header included. Raises BrokenPipeError when nobody reads any more."""
        try:
            written = _write(self.reply_fd, frame)
        except BlockingIOError:
            written = 0
        if written != len(frame):
            self._send_rest(memoryview(frame)[written:])

    def _send_rest(self, rest):
        while rest:
            try:
                rest = rest[_write(self.reply_fd, rest):]
            except BlockingIOError:
                _await(self.reply_fd, select.POLLOUT)


def _await(fd, events, timeout_ms=None):
    poller = select.poll()  # Not select(): that one fails for descriptors above 1023.
    poller.register(fd, events)
    return poller.poll(timeout_ms)
