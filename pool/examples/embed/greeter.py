"""A bridge: what Python does for the service."""
from ordeal_worker import Worker, WorkerError

worker = Worker()


@worker.command("greet")
def greet(command, args, context):
    if "name" not in args:
        raise WorkerError("greet needs a name", type="InvalidArgument", retryable=False)
    return {"greeting": "Hello, " + args["name"] + "!"}


if __name__ == "__main__":
    worker.main()
