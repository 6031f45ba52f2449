"""Orders for the stand-in, one JSON object a line, each answered by one line: whoever started it holds its pipes.

    {"do": "add", "fault": {"kind": "hold"}}   ->  {"ok": true, "number": 1}
    {"do": "await_held", "count": 1}           ->  {"ok": true} when a request is held; "timeout_s": 30
    {"do": "release"}                          ->  {"ok": true, "released": 1}
    {"do": "count", "contains": "why?"}        ->  {"ok": true, "received": 7, "matching": 1, ...}
    {"do": "clear"}, {"do": "list"}            ->  the script

Not over HTTP: nobody but the one who started it may change what it answers.
"""

import json

from .faults import BadFault

ORDERS = ("add", "await_held", "clear", "count", "list", "release")
DEFAULT_TIMEOUT_S = 30


def obey(line, script, ledger):
    """The answer to one line."""
    try:
        order = json.loads(line)
        if not isinstance(order, dict) or order.get("do") not in ORDERS:
            raise BadFault("an order needs \"do\", one of: %s" % ", ".join(ORDERS))
        return dict(_do(order, script, ledger), ok=True)
    except ValueError as error:  # BadFault, and what is no JSON.
        return {"ok": False, "error": str(error)}


def _do(order, script, ledger):
    what = order["do"]
    if what == "add":
        return {"number": script.add(order.get("fault"))}
    if what == "clear":
        script.clear()
        return {}
    if what == "list":
        return {"faults": script.told()}
    if what == "count":
        return ledger.told(str(order.get("contains", "")))
    if what == "release":
        return {"released": ledger.release()}
    if not ledger.await_held(int(order.get("count", 1)), float(order.get("timeout_s", DEFAULT_TIMEOUT_S))):
        raise BadFault("not so many requests were held in time: %r" % order)
    return {}


def serve_orders(source, sink, script, ledger):
    """Until the source ends."""
    for line in source:
        if line.strip():
            sink.write((json.dumps(obey(line, script, ledger)) + "\n").encode())
            sink.flush()
