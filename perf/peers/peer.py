#!/usr/bin/env python3
"""One pool of Python processes at work, told what to do line by line: what Ordeal is compared with.

    peer.py KIND --workers N [--payload-bytes B | --command sleep|busy --work-ms W] [--slow-import]

KIND: process_pool_executor, multiprocessing_pool, loky. Prints a JSON line when all its workers have answered:
{"ready": true, "version": "..."}; or {"ready": false, "why": "..."} if it is not to be had here. Then, for each line
that it reads:
    {"do": "block", "calls": N, "in_flight": K}   the calls, K at a time; each is answered by itself
    {"do": "kill"}                                SIGKILL of one idle worker, until a call is answered and
                                                  all workers are back
it prints {"wall_s": S, "latencies_us": [...], "failed": N, "note": "..."}. End of input ends it.

Each pool is used as its manual advises for calls that are answered one by one: submit() and apply(), functions of
a module, fork where the platform offers it (the pool's own default on Linux), no batching (a map with chunks is
another thing: its calls are answered, and lost, by the chunk).
"""
import argparse
import json
import os
import signal
import sys
import threading
import time

HANG_S = 5.0  # a call that is not answered by then never will be
IMPORT_S = 0.5


def slow_import():
    """As perf/bench/slow_import_bridge.py: half a second of computing."""
    table = {}
    while time.process_time() < IMPORT_S:
        table[len(table)] = str(len(table))
    return table


def echo(value):
    return value


def sleep(milliseconds):
    ended = threading.Event()
    ended.wait(milliseconds / 1000)
    return milliseconds


def busy(milliseconds):
    end = time.monotonic() + milliseconds / 1000
    while time.monotonic() < end:
        pass
    return milliseconds


def own_pid(milliseconds):
    sleep(milliseconds)
    return os.getpid()


class Executor:
    """concurrent.futures' way: ProcessPoolExecutor, and loky, whose executor is one."""

    def __init__(self, workers):
        self.workers = workers
        self.pool = self.make()

    def submit(self, function, argument, done):
        future = self.pool.submit(function, argument)
        future.add_done_callback(lambda ended: done(ended.exception() is None))

    def call(self, function, argument):
        return self.pool.submit(function, argument).result(timeout=HANG_S)

    def pids(self):
        return [process.pid for process in list(self.pool._processes.values()) if process.is_alive()]

    def recover(self):
        """After a failed call: a broken executor stays broken; another must be made."""
        self.pool.shutdown(wait=False)
        self.pool = self.make()
        return "the executor is broken by a worker's death and must be rebuilt"


class ProcessPool(Executor):
    def make(self):
        import concurrent.futures
        return concurrent.futures.ProcessPoolExecutor(self.workers)

    @staticmethod
    def version():
        return "Python " + sys.version.split()[0]


class Loky(Executor):
    def make(self):
        import loky
        initializer = slow_import if ARGUMENTS.slow_import else None
        return loky.get_reusable_executor(max_workers=self.workers, initializer=initializer, timeout=None)

    @staticmethod
    def version():
        import loky
        return "loky " + loky.__version__


class MultiprocessingPool:
    def __init__(self, workers):
        self.workers = workers
        self.pool = self.make()

    def make(self):
        import multiprocessing
        return multiprocessing.Pool(self.workers)

    def submit(self, function, argument, done):
        self.pool.apply_async(function, (argument,), callback=lambda _: done(True),
                              error_callback=lambda _: done(False))

    def call(self, function, argument):
        return self.pool.apply_async(function, (argument,)).get(timeout=HANG_S)

    def pids(self):
        return [process.pid for process in list(self.pool._pool) if process.is_alive()]

    def recover(self):
        """A worker that dies while it waits for work takes the queue's lock with it: nobody gets work any more."""
        self.pool._worker_handler._state = "TERMINATE"  # or it would start others for ever
        for process in list(self.pool._pool):
            process.kill()
        ABANDONED.append(self.pool)  # its terminate() would wait for that lock, too
        self.pool = self.make()
        return "a worker's death left the pool hanging; it had to be rebuilt"

    @staticmethod
    def version():
        return "Python " + sys.version.split()[0]


ABANDONED = []
KINDS = {"process_pool_executor": ProcessPool, "multiprocessing_pool": MultiprocessingPool, "loky": Loky}


def until_all_answered(pool):
    seen = set()
    while len(seen) < pool.workers:
        arrived = threading.Semaphore(0)
        for _ in range(pool.workers):
            pool.submit(own_pid, 5, lambda _: arrived.release())
        for _ in range(pool.workers):
            arrived.acquire()
        seen = set(pool.pids())


def run_block(pool, calls, in_flight, work, argument):
    latencies, failed = [], []
    begun = time.perf_counter()
    if in_flight == 1:
        for _ in range(calls):
            sent = time.perf_counter()
            pool.call(work, argument)
            latencies.append((time.perf_counter() - sent) * 1e6)
    else:
        free = threading.Semaphore(in_flight)
        for _ in range(calls):
            free.acquire()
            sent = time.perf_counter()

            def done(ok, sent=sent):
                (latencies if ok else failed).append((time.perf_counter() - sent) * 1e6)
                free.release()

            pool.submit(work, argument, done)
        for _ in range(in_flight):
            free.acquire()
    return {"wall_s": time.perf_counter() - begun, "latencies_us": latencies, "failed": len(failed), "note": ""}


def run_kill(pool):
    victim = pool.pids()[-1]
    failed, note = 0, ""
    begun = time.perf_counter()
    os.kill(victim, signal.SIGKILL)
    while True:
        try:
            pool.call(echo, "x")
            pids = pool.pids()
            if victim not in pids and len(pids) >= pool.workers:
                break
        except Exception:  # whatever this pool says of a dead worker
            failed += 1
            note = pool.recover()
    took = time.perf_counter() - begun
    return {"wall_s": took, "latencies_us": [took * 1e6], "failed": failed, "note": note}


def say(answer):
    print(json.dumps(answer), flush=True)


def main():
    work, argument = {"echo": (echo, "x" * ARGUMENTS.payload_bytes), "sleep": (sleep, ARGUMENTS.work_ms),
                      "busy": (busy, ARGUMENTS.work_ms)}[ARGUMENTS.command]
    kind = KINDS[ARGUMENTS.kind]
    try:
        if ARGUMENTS.slow_import and kind is not Loky:
            slow_import()  # once, before the fork, as one does
        pool = kind(ARGUMENTS.workers)
        version = kind.version()
    except ImportError as error:
        say({"ready": False, "why": "%s (scripts/setup --peers installs it)" % error})
        return
    until_all_answered(pool)
    say({"ready": True, "version": version})
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "block":
            say(run_block(pool, order["calls"], order["in_flight"], work, argument))
        else:
            say(run_kill(pool))
    os._exit(0)  # whatever hangs in a pool that was left behind


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser()
    PARSER.add_argument("kind", choices=sorted(KINDS))
    PARSER.add_argument("--workers", type=int, required=True)
    PARSER.add_argument("--command", choices=("echo", "sleep", "busy"), default="echo")
    PARSER.add_argument("--payload-bytes", type=int, default=64)
    PARSER.add_argument("--work-ms", type=int, default=0)
    PARSER.add_argument("--slow-import", action="store_true")
    ARGUMENTS = PARSER.parse_args()
    main()
