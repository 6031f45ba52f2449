#!/usr/bin/env python3
"""A sampler whose figures are drawn: what `compare` is tried on without a pool.

    fake_sampler.py [OPTION VALUE ...] COMMAND ...

COMMAND is what `ordeal-perf cases` and `sample` take. Options: --slower SHARE, --noise SHARE,
--control SHARE, --counter N, --params N, --zero 1, --fail crash|exit|hang|garbage|other. Imports
little, since hundreds of it are started.
"""
import math
import os
import sys

METRICS = (("cpu", "µs/call", "cpu", "lower", "true"),
           ("throughput", "1/s", "throughput", "higher", "false"),
           ("calls", "1/call", "counter", "lower", "true"))
METRIC = '{"name": "%s", "unit": "%s", "kind": "%s", "better": "%s", "gated": %s%s}'


def draws(seed):
    """Even ones in (0, 1), from a 64-bit congruential generator."""
    state = seed * 2862933555777941757 + 3037000493
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        yield ((state >> 11) + 0.5) / 2 ** 53


def fail(how):
    if how == "crash":
        os.kill(os.getpid(), 11)
    if how == "exit":
        sys.stderr.write("the pool did not start\n")
        sys.exit(7)
    if how == "hang":
        os.read(os.pipe()[0], 1)
    if how == "garbage":
        print("hello")
        sys.exit(0)


def sample(options):
    fail(options.get("--fail"))
    draw = draws(int(options.get("--seed", "1")))
    for _ in range(4):
        next(draw)
    normal = math.sqrt(-2 * math.log(next(draw))) * math.cos(2 * math.pi * next(draw))
    # What `calibrate` asks of a variant.
    extra = dict(part.split("=") for part in os.environ.get("ORDEAL_SLOW", "ns=0").split(","))
    cost = 100 * (1 + float(options.get("--slower", "0"))) + float(extra["ns"]) / 1000
    cost *= math.exp(normal * float(options.get("--noise", "0.01")))
    values = (cost, 0 if "--zero" in options else 1e6 / cost, float(options.get("--counter", "3")))
    metrics = ", ".join(METRIC % (row + (', "value": %r' % value,))
                        for row, value in zip(METRICS, values))
    control = 1 + float(options.get("--control", "0.01")) * next(draw)
    case = "another" if options.get("--fail") == "other" else options["--case"]
    print('{"schema": "ordeal-perf-sample/1", "suite": "%s", "case": "%s", "params": {"n": %s}, '
          '"metrics": [%s], "control": [{"name": "spin", "value": %r}], "nivcsw": 0, '
          '"steal_s": 0.0, "duration_s": 0.3}' % (
              options["--suite"], case, options.get("--params", "1"), metrics, control))


def cases():
    metrics = ", ".join(METRIC % (row + ("",)) for row in METRICS)
    print('{"schema": "ordeal-perf-cases/1", "cases": [%s]}' % ", ".join(
        '{"suite": "fake", "case": "%s", "params": {}, "metrics": [%s]}' % (name, metrics)
        for name in "ab"))


def main():
    words = [word for word in sys.argv[1:] if word not in ("cases", "sample", "--json")]
    sys.stdout.reconfigure(encoding="utf-8")
    options = dict(zip(words[::2], words[1::2]))
    cases() if "cases" in sys.argv else sample(options)


if __name__ == "__main__":
    main()
