"""A worker program written for DSPex's protocol alone: no kit, no capabilities, its commands, its words, its habits.

Programs are kept by the worker only for the session "anonymous", and otherwise rebuilt from program_data at each call;
errors are plain strings; failures of configure_lm are successes that hold an error; input that cannot be read is passed
over in silence; `shutdown` is acknowledged, and the loop goes on; at the end of its input a pool worker spins for ever.
Its model answers "answer to QUESTION by FIELD" at once; the question "take N ms" after that time, and "hold FIFO", once
somebody reads from that pipe, never.
"""

import argparse
import json
import os
import re
import signal
import struct
import sys
import threading
import time


class Bridge:
    def __init__(self, mode, worker_id):
        self.mode = mode
        self.worker_id = worker_id
        self.programs = {}
        self.lm = None
        self.started = time.time()
        self.counts = {"command_count": 0, "error_count": 0}

    def run_command(self, command, args):
        handlers = {
            "ping": self.ping,
            "configure_lm": self.configure_lm,
            "create_program": self.create_program,
            "execute_program": self.execute_program,
            "create_gemini_program": self.no_gemini,
            "execute_gemini_program": self.no_gemini,
            "list_programs": lambda args: {"programs": [], "total_count": 0},
            "get_program_info": self.get_program_info,
            "delete_program": self.delete_program,
            "get_stats": self.get_stats,
            "cleanup": lambda args: {"status": "cleaned", "programs_removed": self.forget()},
            "reset_state": lambda args: {"status": "reset", "programs_cleared": self.forget()},
            "cleanup_session": lambda args: {"status": "cleaned", "programs_removed": 0},
            "shutdown": lambda args: {"status": "shutting_down", "worker_id": self.worker_id, "mode": self.mode},
            "get_session_data": lambda args: {"status": "not_stored_locally"},
            "update_session_data": lambda args: {"status": "acknowledged"},
        }
        self.counts["command_count"] += 1
        if command not in handlers:
            raise ValueError("Unknown command: %s" % command)
        return handlers[command](args)

    def ping(self, args):
        return {
            "status": "ok",
            "timestamp": time.time(),
            "dspy_available": True,
            "gemini_available": False,
            "uptime": time.time() - self.started,
            "mode": self.mode,
            "worker_id": self.worker_id,
        }

    def configure_lm(self, args):
        if not args.get("api_key"):
            return {"error": "API key is required"}
        print("configuring " + args["model"], file=sys.stderr, flush=True)
        self.lm = args["model"]
        return {"status": "configured", "model": args["model"], "provider": "google", "temperature": 0.7}

    def create_program(self, args):
        if not args.get("id"):
            raise ValueError("Program ID is required")
        session = args.get("session_id")
        if self.mode == "pool-worker" and not session:
            raise ValueError("Session ID required in pool-worker mode")
        signature = args["signature"]
        if session in (None, "anonymous"):
            self.programs[args["id"]] = signature
        return {
            "program_id": args["id"],
            "status": "created",
            "signature": signature,
            "signature_def": signature,
            "program_type": args.get("program_type", "predict"),
            "signature_class": None,
            "field_mapping": {},
            "fallback_used": False,
        }

    def execute_program(self, args):
        data = args.get("program_data")
        signature = data.get("signature_def") if data else self.programs.get(args["program_id"])
        if signature is None:
            raise ValueError("Program not found: %s" % args["program_id"])
        if self.lm is None and not os.environ.get("GEMINI_API_KEY"):
            raise ValueError("No LM is loaded.")
        question = args["inputs"][signature["inputs"][0]["name"]]
        slow = re.match(r"take (\d+) ms", question)
        if slow:
            threading.Event().wait(int(slow.group(1)) / 1000.0)
        if question.startswith("hold "):
            with open(question[len("hold "):], "w"):
                threading.Event().wait()
        outputs = {field["name"]: "answer to %s by %s" % (question, field["name"]) for field in signature["outputs"]}
        return {"program_id": args["program_id"], "outputs": outputs, "execution_time": time.time()}

    def no_gemini(self, args):
        raise ValueError("Gemini not available - cannot create Gemini programs")

    def get_program_info(self, args):
        return {"program_id": args["program_id"], "signature": self.programs[args["program_id"]]["signature"]}

    def delete_program(self, args):
        if args["program_id"] not in self.programs:
            raise ValueError("Session not found: %s" % args.get("session_id"))
        del self.programs[args["program_id"]]
        return {"program_id": args["program_id"], "status": "deleted"}

    def get_stats(self, args):
        return dict(self.counts, programs_count=len(self.programs), uptime=time.time() - self.started)

    def forget(self):
        count = len(self.programs)
        self.programs.clear()
        return count


def read_exactly(count):
    data = b""
    while len(data) < count:
        piece = sys.stdin.buffer.read(count - len(data))
        if not piece:
            return None
        data += piece
    return data


def send(message):
    body = json.dumps(message).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(body)) + body)
    sys.stdout.buffer.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=("standalone", "pool-worker"), default="standalone")
    parser.add_argument("--worker-id", default="")
    options = parser.parse_args()
    on_signal = (lambda *_: os._exit(0)) if options.mode == "pool-worker" else (lambda *_: None)
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    print("bridge started in mode " + options.mode, file=sys.stderr, flush=True)
    bridge = Bridge(options.mode, options.worker_id)
    while True:
        header = read_exactly(4)
        if header is None:
            break
        body = read_exactly(struct.unpack(">I", header)[0])
        if body is None:
            break
        try:
            request = json.loads(body.decode())
            request_id, command = request["id"], request["command"]
        except ValueError:
            continue
        except KeyError:
            continue
        try:
            result = bridge.run_command(command, request.get("args", {}))
            send({"id": request_id, "success": True, "result": result, "timestamp": time.time()})
        except Exception as error:
            bridge.counts["error_count"] += 1
            send({"id": request_id, "success": False, "error": str(error), "timestamp": time.time()})
    while options.mode == "pool-worker":
        pass


if __name__ == "__main__":
    main()
