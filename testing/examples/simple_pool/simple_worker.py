#!/usr/bin/env python3
"""The simple pool's worker: reads a line of JSON, answers with a line of JSON.

It can play (see python_mock/ordeal_worker/zoo/stage.py): a request names a Unix socket, where this worker says which
request it has in hand, and is told what to do with it. That is all that a trial needs of a worker.
"""
import json
import os
import signal
import socket
import sys


def main():
    for line in sys.stdin:
        sys.stdout.write(json.dumps(play(**json.loads(line))) + "\n")
        sys.stdout.flush()


def play(stage, ticket):
    with socket.socket(socket.AF_UNIX) as director:
        director.connect(stage)
        director.sendall(json.dumps({"ticket": ticket}).encode() + b"\n")
        told = json.loads(director.makefile().readline())
    command, args = told["command"], told["args"]
    if command == "echo":
        return args
    if command == "error":
        return {"error": args.get("message", "as told")}
    if command == "crash" and "signal" in args:
        os.kill(os.getpid(), getattr(signal, args["signal"]))
    if command == "crash":
        os._exit(args["exit_code"])
    while True:  # hang
        signal.pause()


main()
