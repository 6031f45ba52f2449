#!/usr/bin/env python3
"""The same seed gives the same events and actions, byte for byte, whatever compiler built the core.

    compilers_test.py SIM SOURCE BUILD COMPILER [SEEDS]

Builds ordeal-sim with that compiler in the folder BUILD, and compares the traces of seeds 1 to SEEDS (50) with
those of SIM. Exit code 1 and the first difference, if there is one.
"""
import os
import subprocess
import sys
import tempfile


def trace_of(sim, seed, folder):
    path = os.path.join(folder, "trace")
    subprocess.run([sim, "run", "--seeds", str(seed), "--trace", path], stdout=subprocess.DEVNULL, check=True)
    with open(path, "rb") as stream:
        return stream.read()


def main(sim, source, build, compiler, seeds="50"):
    subprocess.run(["cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=" + compiler],
                   stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["ninja", "-C", build, "ordeal-sim"], stdout=subprocess.DEVNULL, check=True)
    other = os.path.join(build, "bin", "ordeal-sim")
    compared = 0
    with tempfile.TemporaryDirectory(prefix="ordeal-compilers-") as folder:
        for seed in range(1, int(seeds) + 1):
            one, two = trace_of(sim, seed, folder), trace_of(other, seed, folder)
            if one != two:
                at = next((i for i, (a, b) in enumerate(zip(one, two)) if a != b), min(len(one), len(two)))
                print("seed %d: the traces differ from byte %d on" % (seed, at))
                return 1
            compared += len(one)
    print("%s seeds, %d bytes: the same with %s" % (seeds, compared, compiler))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
