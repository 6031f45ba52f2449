"""Every kind of fault that this class of host is known to allow must have been proved on it.

expected_kinds.py LISTS JOURNAL... -- ORDEAL_CHAOS EXPERIMENT...

Runs the experiments (those that only some hosts permit), then reads what they and the runs before
them proved, from the journals, and compares with LISTS/root.txt or LISTS/unprivileged.txt.
"""

import json
import os
import subprocess
import sys
import tempfile

split = sys.argv.index("--")
lists, journals, tool, experiments = sys.argv[1], sys.argv[2:split], sys.argv[split + 1], sys.argv[split + 2:]
host_class = "root" if os.geteuid() == 0 else "unprivileged"
proved = set()


def read(journal):
    with open(journal, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["event"] == "fault" and event["state"] == "proved":
                proved.add(event["fault"])


with tempfile.TemporaryDirectory() as folder:
    for experiment in experiments:
        journal = os.path.join(folder, "run.jsonl")
        subprocess.run([tool, "run", experiment, "--quiet", "--journal", journal])
        read(journal)
for done_before in journals:
    read(done_before)

with open(os.path.join(lists, host_class + ".txt"), encoding="utf-8") as names:
    expected = set(names.read().split())
missing = sorted(expected - proved)
print("%s: %d kinds proved, %d expected" % (host_class, len(proved), len(expected)))
if missing:
    sys.exit("not proved: " + ", ".join(missing))
