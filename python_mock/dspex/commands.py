"""The commands of a DSPex bridge, each a method; what a language model does is left to the engine.

An engine has `dspy_available`, `gemini_available` and
    configure(model, api_key, api_base, temperature)  make this the language model of the worker
    build(program) -> (built, details)                details: signature_class, field_mapping, fallback_used
    run(program, inputs, context) -> (outputs, more)  by the names of the signature; more: raw_response, usage
Each raises WorkerError, or anything else, if it cannot.

Where DSPex is known to be wrong this does the right thing: failures are errors and no successes, durations are
durations, sessions keep their own programs, a missing session is an error, and a key is never kept, told or logged.
"""

import os
import time

from ordeal_worker import WorkerError

from .checks import invalid, required
from .programs import Program, ProgramStore, build_arguments, from_program_data
from .resources import memory_usage

DEFAULT_MODEL = "gemini-1.5-flash"
DEFAULT_TEMPERATURE = 0.7
KEY_ENVIRONMENT_NAME = "GEMINI_API_KEY"
API_BASE_ENVIRONMENT_NAME = "GEMINI_API_BASE"
MODEL_ENVIRONMENT_NAME = "GEMINI_MODEL"

COMMANDS = (
    "ping",
    "configure_lm",
    "create_program",
    "execute_program",
    "create_gemini_program",
    "execute_gemini_program",
    "list_programs",
    "get_program_info",
    "delete_program",
    "get_stats",
    "cleanup",
    "reset_state",
    "cleanup_session",
    "shutdown",
    "get_session_data",
    "update_session_data",
)


class DspexCommands:
    """The state behind the commands of one worker."""

    def __init__(self, worker, engine):
        self._worker = worker
        self._engine = engine
        self._programs = ProgramStore()
        self._lm = None  # Never with its key.
        self._started = time.monotonic()
        self._command_count = 0
        self._error_count = 0
        for name in COMMANDS:
            worker.command(name)(self._counted(getattr(self, name)))

    def _counted(self, method):
        def handler(_command, args, context):
            self._command_count += 1
            try:
                return method(args, context)
            except BaseException:
                self._error_count += 1
                raise

        return handler

    def _session(self, args, context):
        """Whose programs are meant. Only a pool has sessions; alone, a worker is one session."""
        if self._worker.mode != "pool-worker":
            return context.session or args.get("session_id") or "standalone"
        return _named_session(args, context)

    # The worker

    def ping(self, _args, _context):
        return dict(self._availability(), timestamp=time.time(), uptime=self._uptime(), mode=self._worker.mode)

    def get_stats(self, _args, _context):
        return dict(
            self._availability(),
            programs_count=len(self._programs),
            command_count=self._command_count,
            error_count=self._error_count,
            uptime=self._uptime(),
            memory_usage=memory_usage(),
            build_cache=self._engine.cache_report(),
        )

    def _availability(self):
        return {
            "dspy_available": self._engine.dspy_available,
            "gemini_available": self._engine.gemini_available,
        }

    def _uptime(self):
        return time.monotonic() - self._started

    def cleanup(self, _args, _context):
        return {"status": "cleaned", "programs_removed": self._programs.clear()}

    def reset_state(self, _args, _context):
        answer = {
            "status": "reset",
            "programs_cleared": self._programs.clear(),
            "commands_reset": self._command_count,
            "errors_reset": self._error_count,
        }
        self._command_count = self._error_count = 0
        return answer

    def shutdown(self, args, _context):
        answer = {
            "status": "shutting_down",
            "worker_id": args.get("worker_id", self._worker.worker_id),
            "mode": self._worker.mode,
            "sessions_cleaned": self._programs.session_count(),
        }
        self._programs.clear()
        return answer

    # The language model

    def configure_lm(self, args, _context):
        model = required(args, "model", str, "Model")
        provider = required(args, "provider", str, default="google")
        temperature = required(args, "temperature", (int, float), default=DEFAULT_TEMPERATURE)
        key = required(args, "api_key", str, "API key")
        if provider not in ("google", "gemini") or not bare_model(model).startswith("gemini"):
            raise WorkerError("Unsupported model: %s of %s" % (model, provider), type="UnsupportedModel")
        if not 0 <= temperature <= 2:
            raise invalid("temperature must be from 0 to 2")
        self._engine.configure(model, key, required(args, "api_base", str, default=None), temperature)
        self._lm = {"model": model, "provider": provider, "temperature": temperature}
        return dict(self._lm, status="configured")

    def _need_lm(self):
        """The first run may take the key from the environment, as with DSPex."""
        if self._lm is None and os.environ.get(KEY_ENVIRONMENT_NAME):
            model = os.environ.get(MODEL_ENVIRONMENT_NAME) or DEFAULT_MODEL
            settings = {"model": model, "api_key": os.environ[KEY_ENVIRONMENT_NAME]}
            self.configure_lm(dict(settings, api_base=os.environ.get(API_BASE_ENVIRONMENT_NAME)), None)
        if self._lm is None:
            raise WorkerError("No LM is loaded.", type="NoLanguageModel")

    # Programs

    def create_program(self, args, context):
        program_id = required(args, "id", str, "Program ID")
        program = Program(program_id, args.get("signature"), "dspy", **build_arguments(args))
        details = self._build_and_keep(self._session(args, context), program)
        answer = {
            "program_id": program.id,
            "status": "created",
            "signature": program.signature,
            "signature_def": program.signature,
            "program_type": program.program_type,
        }
        answer.update(details)
        return answer

    def _build_and_keep(self, session, program):
        self._programs.refuse_duplicate(session, program.id)  # Before the work of building it.
        self._programs.make_room(may_forget=self._worker.mode == "pool-worker")
        program.built, details = self._engine.build(program)
        self._programs.add(session, program)
        return details

    def execute_program(self, args, context):
        program_id = required(args, "program_id", str, "Program ID")
        if args.get("program_data") is not None:
            program = from_program_data(program_id, args["program_data"])
        else:
            program = self._programs.get(self._session(args, context), program_id)
        if program.kind != "dspy":
            raise WorkerError("Program %s is a Gemini program" % program_id, type="WrongProgramKind")
        answer, more = self._execute(program, args, context)
        if "usage" in more:
            answer["usage"] = more["usage"]
        return answer

    def create_gemini_program(self, args, context):
        model = required(args, "model", str, default=DEFAULT_MODEL)
        program = Program(required(args, "id", str, "Program ID"), args.get("signature"), "gemini", model=model)
        self._build_and_keep(self._session(args, context), program)
        return {
            "program_id": program.id,
            "status": "created",
            "type": "gemini",
            "model_name": model,
            "signature": program.signature,
        }

    def execute_gemini_program(self, args, context):
        program_id = required(args, "program_id", str, "Program ID")
        program = self._programs.get(self._session(args, context), program_id)
        if program.kind != "gemini":
            raise WorkerError("Program %s is not a Gemini program" % program_id, type="WrongProgramKind")
        answer, more = self._execute(program, args, context)
        return dict(answer, **more)

    def _execute(self, program, args, context):
        inputs = program.check_inputs(args.get("inputs", {}))
        self._need_lm()
        if context.remaining_s() <= 0:
            raise WorkerError("the deadline has passed, so it was not run", type="DeadlineExceeded")
        if program.built is None:
            program.built, _ = self._engine.build(program)
        begun = time.monotonic()
        outputs, more = self._engine.run(program, inputs, context)
        program.count_execution()
        took_s = time.monotonic() - begun
        return {"program_id": program.id, "outputs": outputs, "execution_time": took_s}, more

    def list_programs(self, args, context):
        programs = [program.summary() for program in self._programs.of_session(self._session(args, context))]
        return {"programs": programs, "total_count": len(programs)}

    def get_program_info(self, args, context):
        program_id = required(args, "program_id", str, "Program ID")
        info = self._programs.get(self._session(args, context), program_id).summary()
        info["program_id"] = info.pop("id")
        return info

    def delete_program(self, args, context):
        program_id = required(args, "program_id", str, "Program ID")
        self._programs.remove(self._session(args, context), program_id)
        return {"program_id": program_id, "status": "deleted"}

    # Sessions: their data live in the host; a worker holds only programs

    def cleanup_session(self, args, context):
        session = _named_session(args, context)
        if self._worker.mode != "pool-worker":
            return {"status": "not_applicable", "session_id": session}
        return {
            "status": "cleaned",
            "session_id": session,
            "programs_removed": self._programs.remove_session(session),
        }

    def get_session_data(self, args, context):
        session = _named_session(args, context)
        return {"status": "not_stored_locally", "session_id": session, "message": "session data live in the host"}

    def update_session_data(self, args, context):
        session = _named_session(args, context)
        operation = required(args, "operation", str, default="update")
        return {
            "status": "acknowledged",
            "session_id": session,
            "operation": operation,
            "message": "session data live in the host",
        }


def _named_session(args, context):
    return context.session or required(args, "session_id", str, "Session ID")


def bare_model(model):
    """The model's name without the provider before it: gemini/gemini-1.5-flash is gemini-1.5-flash."""
    return model.split("/")[-1]
