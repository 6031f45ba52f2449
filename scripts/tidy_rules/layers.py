"""Who may include whom: pool <- testing <- chaos, perf, and the pool's own inner order."""
import re

from .source import Finding

# Each room may include itself and these. Files in a tests/ folder may include everything.
ROOMS = {
    "pool": {"pool"},
    "testing": {"pool", "testing"},
    "chaos": {"pool", "testing", "chaos"},
    "perf": {"pool", "testing", "perf"},
    "python_mock": {"pool", "testing", "python_mock"},
}
# Inside the pool, where the order is strict. Public headers (ordeal/...) are open to all.
POOL_ROOMS = {
    "core": {"core"},
    "wire": {"core", "wire"},
    "options": {"core", "options"},
    "include": set(),
}
INCLUDE = re.compile(r'(?m)^[^\S\n]*#[^\S\n]*include[^\S\n]*"([^"\n]+)"')


def _refusal(file, target):
    """Why `file` may not include `target`, or None."""
    room = file.parts[0]
    if "/" not in target or ".." in target.split("/") or (
            target.split("/")[0] not in ROOMS and not target.startswith("ordeal/")):
        return 'write "%s" with its path from the top level, or from ordeal/' % target
    if file.is_test or room not in ROOMS or target.startswith("ordeal/"):
        return None
    wanted = target.split("/")
    if wanted[0] not in ROOMS[room]:
        return "%s/ may not depend on %s/: %s" % (room, wanted[0], target)
    inner = POOL_ROOMS.get(file.parts[1]) if room == "pool" else None
    if inner is not None and wanted[1] not in inner:
        allowed = ", ".join("pool/" + name for name in sorted(inner))
        return "pool/%s includes only %s: %s" % (
            file.parts[1], allowed + " and public headers" if allowed else "public headers", target)
    return None


def layers(tree):
    for file in tree.of_kind("cpp"):
        # Matched on the raw text, since the path is a string; a commented one starts with "//".
        for match in INCLUDE.finditer(file.text):
            refusal = _refusal(file, match.group(1))
            if refusal:
                yield Finding("layers", file.path, file.line_of(match.start()), refusal)
