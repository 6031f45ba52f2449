"""A bridge in two versions, for tests: what differs is told by flags.

--change KIND   how the answers of this version differ: none, value, type, missing, new, error
--fail N        every Nth request fails
--slow-ms N     each takes so long
--no-start      exits at once
"""
import argparse
import sys
import threading

from ordeal_worker import Worker, WorkerError

parser = argparse.ArgumentParser()
parser.add_argument("--change", default="none")
parser.add_argument("--fail", type=int, default=0)
parser.add_argument("--slow-ms", type=int, default=0)
parser.add_argument("--no-start", action="store_true")
chosen, _ = parser.parse_known_args()
if chosen.no_start:
    sys.exit(9)
worker = Worker()
seen = [0]


@worker.command("answer")
def answer(command, args, context):
    seen[0] += 1
    if chosen.slow_ms:
        threading.Event().wait(chosen.slow_ms / 1000)
    if chosen.fail and seen[0] % chosen.fail == 0 or chosen.change == "error":
        raise WorkerError("as told", type="Told", retryable=False)
    result = {"text": args.get("text", ""), "score": 1}
    if chosen.change == "value":
        result["score"] = 2
    elif chosen.change == "type":
        result["score"] = "1"
    elif chosen.change == "missing":
        del result["score"]
    elif chosen.change == "new":
        result["more"] = True
    return result


if __name__ == "__main__":
    worker.main()
