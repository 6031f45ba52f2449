"""dspy_bridge.py with one more command, `answer`, for loads that check that each reply is their own: a DSPy program is
asked about the nonce of the call, what it answers is compared with what the stand-in for Gemini must have said, and the
arguments come back with it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from dspy_bridge import commands, worker  # noqa: E402
from dspex.answers import answer as expected_answer  # noqa: E402
from ordeal_worker import WorkerError  # noqa: E402

PROGRAM = {"signature": {"inputs": ["question"], "outputs": ["answer"]}}


@worker.command("answer")
def answer(_command, args, context):
    inputs = {"question": "nonce %s" % args.get("nonce")}
    call = {"program_id": "load", "program_data": PROGRAM, "inputs": inputs}
    outputs = commands.execute_program(call, context)["outputs"]
    expected = expected_answer("answer", "str", inputs)
    if outputs != {"answer": expected}:
        raise WorkerError("the program answered %r, not %r" % (outputs, expected), type="WrongAnswer")
    return dict(args, outputs=outputs)


if __name__ == "__main__":
    worker.main()
