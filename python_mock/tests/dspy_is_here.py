#!/usr/bin/env python3
"""Whether layer 3 runs here: a skip must not pass for a proof.

    dspy_is_here.py PYTHON REQUIREMENTS

Exit status: 0 PYTHON has DSPy. 77 (ctest: skipped) it has not, and nobody promised it. 1 it has not, this is CI
(CI=true), and the package index can be reached: then scripts/setup --dspy has failed, or was not run, and all of layer
3 would be skipped without anybody noticing.
"""

import os
import re
import subprocess
import sys

SKIPPED = 77
INDEX_PATIENCE_S = 15


def has_dspy(python):
    if not os.access(python, os.X_OK):
        return False
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('dspy') is None)"
    return subprocess.run([python, "-c", probe], check=False).returncode == 0


def index_answers(requirements):
    """Whether pip, as it is configured here, finds the first pinned package. Downloads nothing but its description."""
    with open(requirements, encoding="utf-8") as pins:
        package = next(line.strip() for line in pins if re.match(r"\w", line))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
    command += ["--disable-pip-version-check", "--retries", "0", "--timeout", str(INDEX_PATIENCE_S)]
    command += ["--break-system-packages"] if "break-system-packages" in pip_help() else []
    return subprocess.run([*command, package], check=False, capture_output=True).returncode == 0


def pip_help():
    command = [sys.executable, "-m", "pip", "install", "--help"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def main(python, requirements):
    if has_dspy(python):
        print("%s has DSPy: layer 3 runs" % python)
        return 0
    why = "%s has no dspy: layer 3 is skipped; run scripts/setup --dspy" % python
    if os.environ.get("CI", "").lower() not in ("", "0", "false") and index_answers(requirements):
        print(why + ". This is CI (CI=%s) and the package index answers, so it must be there." % os.environ["CI"])
        return 1
    print(why)
    return SKIPPED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
