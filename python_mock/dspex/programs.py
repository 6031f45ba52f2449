"""Programs and where a worker keeps them: by session, and never seen from another session.

Invariant: a Program's signature was checked when it was made, so whoever runs one need not look again.
"""

import time

from ordeal_worker import WorkerError

from .checks import invalid, required

PROGRAM_TYPES = ("predict", "chain_of_thought", "react")
PROGRAMS_MAX = 10_000
"""Programs that a worker holds."""
REACT_STEPS = 10
REACT_STEPS_MAX = 100


class Field:
    """One input or output: its name, the name of its type, and what it means."""

    def __init__(self, given):
        if isinstance(given, str):
            given = {"name": given}
        if not isinstance(given, dict) or not isinstance(given.get("name"), str) or not given["name"]:
            raise invalid("a field must be a name or an object with a name, not %r" % (given,))
        self.name = given["name"]
        self.type = given.get("type", "string")
        self.description = given.get("description") or given.get("desc") or ""


class Program:
    """What is to be run: a signature, checked, and how often and when it was run."""

    def __init__(self, program_id, signature, kind, program_type="predict", model=None, tools=None, max_iters=None):
        self.id = program_id
        self.signature = signature
        self.inputs, self.outputs = _fields(signature)
        self.instructions = required(signature, "instructions", str, default="")
        if program_type not in PROGRAM_TYPES:
            raise invalid("program_type must be one of %s" % ", ".join(PROGRAM_TYPES))
        self.tools = tools if tools is None else _checked_tools(tools)
        self.max_iters = REACT_STEPS if max_iters is None else max_iters
        if type(self.max_iters) is not int or not 1 <= self.max_iters <= REACT_STEPS_MAX:
            raise invalid("max_iters must be from 1 to %d" % REACT_STEPS_MAX)
        self.kind = kind  # "dspy" or "gemini": the commands for one do not run the other.
        self.program_type = program_type
        self.model = model
        self.built = None  # What the engine made of it.
        self.created_at = time.time()
        self.execution_count = 0
        self.last_executed = None

    def recipe(self):
        """All that it is built from: two programs with the same recipe are the same, whatever they are called."""
        parts = (self.inputs, self.outputs)
        fields = [[(field.name, field.type, field.description) for field in part] for part in parts]
        return [fields, self.instructions, self.program_type, self.tools, self.max_iters]

    def check_inputs(self, inputs):
        if not isinstance(inputs, dict):
            raise invalid("inputs must be an object")
        missing = [field.name for field in self.inputs if field.name not in inputs]
        if missing:
            raise WorkerError("Missing inputs: %s" % ", ".join(missing), type="MissingInput")
        return {field.name: inputs[field.name] for field in self.inputs}

    def count_execution(self):
        self.execution_count += 1
        self.last_executed = time.time()

    def summary(self):
        return {
            "id": self.id,
            "created_at": self.created_at,
            "execution_count": self.execution_count,
            "last_executed": self.last_executed,
            "signature": self.signature,
        }


def _checked_tools(names):
    from .tools import check_tools  # Only now: few programs have any, and a worker starts faster without.

    return check_tools(names)


class ProgramStore:
    """All programs that this worker holds.

    At most programs_max. A worker of a pool then forgets the oldest session's: the host has them all, and sends them
    along. Alone it refuses a new one, since nobody else has the old ones.
    """

    def __init__(self, programs_max=PROGRAMS_MAX):
        self._sessions = {}
        self._programs_max = programs_max

    def refuse_duplicate(self, session, program_id):
        if program_id in self._sessions.get(session, {}):
            raise WorkerError("Program with ID '%s' already exists" % program_id, type="ProgramExists")

    def make_room(self, may_forget):
        while len(self) >= self._programs_max:
            if not may_forget:
                raise WorkerError("this worker holds %d programs, and no more" % len(self), type="TooManyPrograms")
            self.remove_session(next(iter(self._sessions)))

    def add(self, session, program):
        self.refuse_duplicate(session, program.id)
        self._sessions.setdefault(session, {})[program.id] = program

    def get(self, session, program_id):
        try:
            return self._sessions[session][program_id]
        except KeyError:
            raise WorkerError("Program not found: %s" % program_id, type="ProgramNotFound") from None

    def remove(self, session, program_id):
        self.get(session, program_id)
        del self._sessions[session][program_id]
        if not self._sessions[session]:
            del self._sessions[session]

    def of_session(self, session):
        return list(self._sessions.get(session, {}).values())

    def remove_session(self, session):
        """Forget this session and say how many programs it had."""
        return len(self._sessions.pop(session, {}))

    def clear(self):
        count = len(self)
        self._sessions.clear()
        return count

    def session_count(self):
        return len(self._sessions)

    def __len__(self):
        return sum(map(len, self._sessions.values()))


def _fields(signature):
    if not isinstance(signature, dict):
        raise WorkerError("Program signature is required", type="MissingArgument")
    for part in ("inputs", "outputs"):
        if not isinstance(signature.get(part), list) or not signature[part]:
            raise invalid("the signature must have a list of %s" % part)
    return [Field(field) for field in signature["inputs"]], [Field(field) for field in signature["outputs"]]


def from_program_data(program_id, data):
    """The program that came with the call: any object with its signature, such as the result of create_program."""
    if not isinstance(data, dict):
        raise invalid("program_data must be an object")
    signature = data.get("signature_def") or data.get("signature")
    return Program(program_id, signature, "dspy", **build_arguments(data))


def build_arguments(args):
    """What, besides the signature, says how a program is built."""
    return {
        "program_type": required(args, "program_type", str, default="predict"),
        "tools": args.get("tools"),
        "max_iters": args.get("max_iters"),
    }
