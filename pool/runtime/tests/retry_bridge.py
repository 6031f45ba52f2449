"""A worker that dies of a request a set number of times, counted in a file, and then answers it.

crash_until {file, crashes}   adds a line to the file and exits with status 3; answers once it has so many lines
error {retryable}             fails, and says whether trying again may help
"""

import os
import sys

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker, WorkerError

worker = Worker()


@worker.command("crash_until")
def crash_until(_command, args, _context):
    with open(args["file"], "r+") as counted:
        crashes = len(counted.readlines())
        if crashes < args["crashes"]:
            counted.write("crash\n")
            counted.flush()
            os._exit(3)
    return {"attempt": crashes + 1}


@worker.command("error")
def error(_command, args, _context):
    raise WorkerError("as told", type="Told", retryable=args["retryable"])


@worker.command("echo")
def echo(_command, args, _context):
    return args


if __name__ == "__main__":
    worker.main()
