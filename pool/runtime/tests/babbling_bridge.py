"""A worker that says more than it was asked behind the answer to each ping but the first."""

import os
import sys

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker
from ordeal_worker.errors import TakeOver
from ordeal_worker.replies import success_frame

worker = Worker()


@worker.command("ping")
def ping(_command, _args, context):
    if context.request_id == 0:
        return {}

    def babble():
        wire = worker.wire
        wire.send(success_frame(context.request_id, {"status": "ok"}, wire.max_frame_bytes) + b"and another thing")

    raise TakeOver(babble)


if __name__ == "__main__":
    worker.main()
