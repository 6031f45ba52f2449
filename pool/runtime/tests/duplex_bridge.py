"""A rude worker for large frames: what it does is said by the command, and done before it has read the request.

duplex N      writes 1 MiB to stderr, then its reply of N bytes while the request is still being written to it
reply_first N the same, but reads on only when that is written
stop_reading  reads the beginning of the request, and then nothing any more
die           reads the beginning of the request, and is killed when the pipe has filled again
"""

import array
import fcntl
import json
import os
import re
import signal
import struct
import termios
import threading


def read_exactly(count):
    pieces = []
    while count:
        piece = os.read(0, min(count, 65536))
        if not piece:
            os._exit(0)
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:65536]):]


def framed(request_id, result):
    body = json.dumps({"id": request_id, "success": True, "result": result, "timestamp": 0}).encode()
    return struct.pack(">I", len(body)) + body


def main():
    while True:
        (length,) = struct.unpack(">I", read_exactly(4))
        head = read_exactly(min(length, 4096))
        request_id = int(re.search(rb'"id": ?(\d+)', head).group(1))
        command = re.search(rb'"command": ?"([a-z_]+)', head).group(1).decode()
        if command == "stop_reading":
            while True:
                signal.pause()
        if command == "die":
            unread = array.array("i", [0])
            while unread[0] < 32768:
                fcntl.ioctl(0, termios.FIONREAD, unread)
            os.kill(os.getpid(), signal.SIGKILL)
        if command in ("duplex", "reply_first"):
            size = int(re.search(rb'"bytes": ?(\d+)', head).group(1))
            write_all(2, b"e" * (1 << 20))
            reply = framed(request_id, "r" * size)
            # Its last byte only when all is read: nobody can have answered what he has not read.
            writer = threading.Thread(target=write_all, args=(1, reply[:-1]))
            writer.start()
            if command == "reply_first":
                writer.join()
            read_exactly(length - len(head))
            writer.join()
            write_all(1, reply[-1:])
            continue
        read_exactly(length - len(head))
        write_all(1, framed(request_id, {"status": "ok"}))
        if command == "shutdown":
            os._exit(0)


main()
