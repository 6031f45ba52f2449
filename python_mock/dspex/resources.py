"""What this process uses, read from /proc, so that no package is needed."""

import os


def memory_usage():
    """rss and vms in bytes, and rss as per cent of the machine's memory; zeros where /proc is missing."""
    try:
        with open("/proc/self/statm") as statm:
            vms, rss = (int(pages) * os.sysconf("SC_PAGESIZE") for pages in statm.read().split()[:2])
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError):
        return {"rss": 0, "vms": 0, "percent": 0.0}
    return {"rss": rss, "vms": vms, "percent": 100.0 * rss / total}
