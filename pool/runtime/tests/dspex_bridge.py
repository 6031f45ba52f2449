"""A bridge in the manner of DSPex's dspy_bridge.py: what it does well, and what it does badly.

Replies with float timestamps and with errors that are plain strings, is silent on bad input, stays alive at the end of
its input, and acknowledges `shutdown` without leaving. Written independently of the worker kit, on purpose.
"""

import json
import os
import signal
import struct
import sys
import threading
import time


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        chunk = stream.read(count - len(data))
        if not chunk:
            return None
        data += chunk
    return data


def handle(command, args):
    if command == "ping":
        return {"status": "ok", "timestamp": time.time(), "worker_id": args.get("worker_id")}
    if command == "echo":
        return args
    if command == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if command == "wait":
        threading.Event().wait(args["ms"] / 1000.0)
        return {"waited": args["ms"]}
    if command == "shutdown":
        return {"status": "shutting_down"}
    raise ValueError("Unknown command: " + command)


def main():
    while True:
        header = read_exactly(sys.stdin.buffer, 4)
        if header is None:
            break
        body = read_exactly(sys.stdin.buffer, struct.unpack(">I", header)[0])
        if body is None:
            break
        try:
            request = json.loads(body)
            request_id, command = request["id"], request["command"]
        except Exception:
            continue  # Silence.
        try:
            reply = {"id": request_id, "success": True,
                     "result": handle(command, request.get("args", {})), "timestamp": time.time()}
        except Exception as error:
            reply = {"id": request_id, "success": False, "error": str(error),
                     "timestamp": time.time()}
        text = json.dumps(reply).encode()
        sys.stdout.buffer.write(struct.pack(">I", len(text)) + text)
        sys.stdout.buffer.flush()
    while True:
        signal.pause()


main()
