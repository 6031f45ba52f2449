"""Calls that must not be: sleeps, timed waits (DESIGN section 4), unseeded chance (section 3)."""
import re

from .allowed import ALLOWED_WAITS
from .source import Finding

SLEEPS = {
    "cpp": re.compile(
        r"\bsleep_(?:for|until)\b|\b(?:u|nano|clock_nano)?sleep\s*\("
        r"|\b(try_(?:lock|lock_shared|acquire)_(?:for|until)|timed_wait|sigtimedwait"
        r"|pthread_cond_(?:timed|clock)wait|sem_(?:timed|clock)wait|mtx_timedlock)\s*\("),
    "python": re.compile(r"\b(time|asyncio)\.sleep\b|\bfrom\s+time\s+import\b.*\bsleep\b"),
    "shell": re.compile(r"(?<![\w./$-])sleep\s+[^\s=]"),
    "cmake": re.compile(r"-E\s+sleep\b"),
}
# One of them is in each text in which the pattern matches: finding that out is what costs little.
SLEEP_WORDS = ("sleep", "try_lock", "try_acquire", "timed_wait", "timedwait", "clockwait", "timedlock")
WAIT_WORDS = ("wait_until", "wait_for")
# The project's own wait_until(deadline, ticket), and the trial kit's wait_for(event, deadline), are
# the allowed ones; the standard library's are told by what the file uses, and by the lock they get.
STANDARD_WAITERS = re.compile(
    r"\b(condition_variable(_any)?|future|shared_future|promise|packaged_task)\b|std::async\b")
WAIT_UNTIL = re.compile(r"\bwait_(?:until|for)\s*\(")
WAIT_WITH_LOCK = re.compile(r"\bwait_(?:until|for)\s*\(\s*\w*lock\b")

# Which argument is the time-out in milliseconds; ppoll and select take a pointer to a computed one.
POLLS = {"poll": 2, "epoll_wait": 3, "epoll_pwait": 3}
POLL_CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(POLLS))


def _sites(file, pattern, *words):
    if not any(word in file.text for word in words):
        return
    # In Python a match is one of the whole text, too, and to tell its comments is dear.
    if file.kind == "python" and not pattern.search(file.text):
        return
    for match in pattern.finditer(file.code):
        yield file.line_of(match.start()), match.group().strip(" (")


def waits(tree):
    used = set()
    for file in tree.of_kind(*SLEEPS):
        sites = list(_sites(file, SLEEPS[file.kind], *SLEEP_WORDS))
        if file.kind == "cpp" and any(word in file.text for word in WAIT_WORDS):
            is_standard = STANDARD_WAITERS.search(file.code)
            sites += _sites(file, WAIT_UNTIL if is_standard else WAIT_WITH_LOCK, *WAIT_WORDS)
        if sites and file.path in ALLOWED_WAITS:
            used.add(file.path)
            continue
        for line, what in sites:
            yield Finding("waits", file.path, line,
                          "%s: a wait that only time can end; wait for the event, with a deadline, "
                          "through pool/runtime/clock.hpp" % what)
    for path in sorted(set(ALLOWED_WAITS) - used):
        if path in tree.files:
            yield Finding("waits", path, 0, "needs no exception any more: take it out of "
                                            "scripts/tidy_rules/allowed.py")


def _arguments(code, start):
    """The arguments of the call whose "(" is just before `start`, split at its own commas."""
    depth, begin, found = 1, start, []
    for offset in range(start, len(code)):
        letter = code[offset]
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if depth == 0 or (depth == 1 and letter == ","):
            found.append(code[begin:offset].strip())
            begin = offset + 1
        if depth == 0:
            return found
    return found


def poll_timeout(tree):
    """poll and its kin with a time-out written as a number: a sleep in disguise."""
    for file in tree.of_kind("cpp"):
        if not any(name in file.text for name in POLLS):
            continue
        for match in POLL_CALL.finditer(file.code):
            arguments = _arguments(file.code, match.end())
            place = POLLS[match.group(1)]
            timeout = arguments[place] if place < len(arguments) else ""
            if re.fullmatch(r"[-+]?\d[\d']*", timeout) and timeout not in ("0", "-1"):
                yield Finding("poll_timeout", file.path, file.line_of(match.start()),
                              "%s waits for %s ms, whatever happens: pass what is left of a "
                              "deadline, 0, or -1" % (match.group(1), timeout))


RAND = re.compile(r"\bstd::rand\b|(?<![\w:.>])s?rand\s*\(")
RAND_WORDS = ("::rand", "rand(", "rand ", "rand\n", "rand/")  # and not each "random"


def random(tree):
    for file in tree.of_kind("cpp"):
        for line, what in _sites(file, RAND, *RAND_WORDS):
            yield Finding("random", file.path, line, what + ": not seeded by us, not reproducible")
        if not file.path.startswith("pool/runtime/"):
            for line, what in _sites(file, re.compile(r"\brandom_device\b"), "random_device"):
                if file.is_test and "seed" in file.lines[line - 1]:
                    continue  # a test may draw its seed; it prints it
                yield Finding("random", file.path, line,
                              what + ": only pool/runtime draws a seed; take one as an argument")
        if file.path.startswith(("pool/core/", "testing/sim/")):
            for line, what in _sites(file, re.compile(r"\b\w+_distribution\b"),
                                     "_distribution"):
                yield Finding("random", file.path, line,
                              what + ": differs between libraries; use the core's own draws")


def citations(tree):
    """Invariants named by hand in a test's report, where scripts/invariants does not find them."""
    pattern = re.compile(r"RecordProperty\(\s*\"(invariant|bug|cites)")
    for file in tree.of_kind("cpp"):
        if file.path != "testing/cites/cites.hpp":
            for match in pattern.finditer(file.text):
                yield Finding("citations", file.path, file.line_of(match.start()),
                              "cite with cites(), cites_bug_class() of testing/cites/cites.hpp")
