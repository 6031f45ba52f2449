"""SIGKILL of ordeal-chaos in the middle of faults: `undo`, or the next run, restores everything.

undo_after_kill.py ORDEAL_CHAOS

The journal is a pipe: the kill comes when the journal says that both faults are proved, and its end says that
the run is gone. As root a worker is frozen by its cgroup, which no SIGKILL ends, and the disk of the sessions
is full; without rights a worker is stopped, and the sessions' file is locked.
"""

import glob
import json
import os
import signal
import subprocess
import sys
import tempfile

TOOL = sys.argv[1]
ROOT = os.geteuid() == 0
FREEZER = os.path.exists("/sys/fs/cgroup/freezer/cgroup.procs") and ROOT
FAULTS = ("freeze_cgroup" if FREEZER else "freeze_worker", "fill_store" if ROOT else "lock_store")
EXPERIMENT = """
title = "%(title)s"
[pool]
command = ["{relay}", "--control", "{relay_folder}", "--", "python3", "{mock_bridge}", "--faults"]
size = 2
session_store = "sqlite:{store}"
[load]
sessions = 2
callers = 2
duration_ms = %(load_ms)d
[end]
quiet_ms = 50
early = true
[bars]
ok_percent_min = 0
calls_min = 1
progress_min = 1
"""
FAULT = """
[[fault]]
kind = "%s"
at_ms = 10
duration_ms = %d
overlap = true
"""


def write(path, title, load_ms, faults, duration_ms):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(EXPERIMENT % {"title": title, "load_ms": load_ms})
        for fault in faults:
            stream.write(FAULT % (fault, duration_ms))


def is_of_the_living(group):
    """A group of a run that is still there: another test's."""
    return os.path.exists("/proc/" + os.path.basename(group).split("-")[2])


def left():
    """What such a run may leave on this machine; its temporary folder is this test's own."""
    folder = os.environ["TMPDIR"]
    with open("/proc/mounts", encoding="utf-8") as mounts:
        found = [line.split()[1] for line in mounts if folder in line]
    groups = glob.glob("/sys/fs/cgroup/*/ordeal-chaos-*") + glob.glob("/sys/fs/cgroup/*/*/ordeal-chaos-*")
    found += [group for group in groups if not is_of_the_living(group)]
    return sorted(found + glob.glob(os.path.join(folder, "ordeal-chaos-*")))


def kill_in_the_middle(folder, state, experiment):
    """What there is after the kill that was not there before, and the frozen worker."""
    before = left()
    pipe = os.path.join(folder, "journal")
    os.mkfifo(pipe)
    run = subprocess.Popen([TOOL, "run", experiment, "--quiet", "--journal", pipe, "--state", state])
    frozen, proved = 0, set()
    with open(pipe, encoding="utf-8") as lines:
        for text in lines:
            line = json.loads(text)
            if line["event"] != "fault" or line["state"] != "proved":
                continue
            proved.add(line["fault"])
            frozen = line["pid"] if line["fault"] == FAULTS[0] else frozen
            if proved == set(FAULTS):
                run.send_signal(signal.SIGKILL)
                break
        for _ in lines:  # to its end: whoever could write to it is gone
            pass
    run.wait()
    os.remove(pipe)
    assert proved == set(FAULTS), "not both proved before the run ended: %s" % proved
    return before, sorted(set(left()) - set(before)), frozen


def check(what, before, frozen):
    still = sorted(set(left()) - set(before))
    assert not still, "%s: left behind: %s" % (what, still)
    try:
        with open("/proc/%d/stat" % frozen, encoding="utf-8") as stat:
            fate = stat.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        fate = "gone"
    assert fate in ("gone", "Z"), "%s: the frozen worker %d is in state %s" % (what, frozen, fate)
    print("%s: nothing is left" % what)


def main():
    with tempfile.TemporaryDirectory(prefix="undo-after-kill-") as folder:
        os.environ["TMPDIR"] = folder
        state, long = os.path.join(folder, "state"), os.path.join(folder, "long.toml")
        write(long, "to be killed", 60000, FAULTS, 60000)
        before, remains, frozen = kill_in_the_middle(folder, state, long)
        print("after SIGKILL: %s" % remains)
        assert remains, "the kill left nothing to undo: this test proves nothing"
        undone = subprocess.run([TOOL, "undo", "--state", state], stdout=subprocess.PIPE)
        print(undone.stdout.decode())
        assert undone.returncode == 0, "undo: exit code %d" % undone.returncode
        check("undo", before, frozen)
        again = subprocess.run([TOOL, "undo", "--state", state], stdout=subprocess.PIPE)
        assert b"nothing to undo" in again.stdout, again.stdout

        before, remains, frozen = kill_in_the_middle(folder, state, long)
        assert remains
        short = os.path.join(folder, "short.toml")
        write(short, "the next one", 1000, ["kill_worker"], 0)
        ran = subprocess.run([TOOL, "run", short, "--quiet", "--state", state], stdout=subprocess.PIPE)
        assert ran.returncode == 0, "the next run: exit code %d\n%s" % (ran.returncode, ran.stdout.decode())
        check("the next run", before, frozen)


if __name__ == "__main__":
    main()
