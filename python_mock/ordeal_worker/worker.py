"""The worker: a table of commands, and the loop that serves them one request at a time.

Invariants:
* Each request has exactly one reply (a cancel has none), whatever its handler raises; then the next is read.
* Scripted faults are the only ones who may break this, through TakeOver.

How a worker ends: 0 at end of input and after acknowledging `shutdown`, by SIGTERM where one comes,
STATUS_BAD_STREAM when the requests cannot be understood any more, STATUS_NO_READER when nobody takes the reply, or a
pipe to the host fails otherwise.
"""

import gc
import os
import sys
import time

from . import early, handshake
from .cancel import COMMAND as CANCEL_COMMAND
from .context import Context
from .errors import TakeOver, WorkerError
from .jsontext import decode, scan
from .options import parse_options
from .progress import ProgressChannel
from .replies import failure_frame, success_frame
from .signals import prepare_signals
from .startup import pause_forever, perform_start
from .stdio import adopt_descriptors, flush_quietly, protect_stdio, say
from .wire import FrameError, Wire

TEMPLATE_ENVIRONMENT_NAME = "ORDEAL_TEMPLATE_FD"
STATUS_BAD_STREAM = 65  # EX_DATAERR
STATUS_NO_READER = 74  # EX_IOERR

_monotonic = time.monotonic


class _Refused(Exception):
    """A frame that is no request: its id if it says one, and why."""

    def __init__(self, request_id, message):
        super().__init__(message)
        self.request_id = request_id


class Worker:
    """Handlers by command name. A handler is a function (command, args, context) -> result."""

    def __init__(self, session_in_args=True):
        """session_in_args: a pool adds `session_id` to the args of a call in a session, as DSPex does. A bridge that
        asks `context.session` does not need it, and gets the args as the caller gave them, if it says so here.
        """
        self.mode = "standalone"
        self.worker_id = ""
        self.extra_arguments = []  # Of the command line, for the bridge.
        self.terms = handshake.PLAIN
        self.wire = None
        self.refuses_to_die = False  # Set by the fault of that name.
        self._session_in_args = session_in_args
        self._made_at = _monotonic()
        self._after_fork = []
        self._commands = {}
        self._progress = None
        self._options = None
        self._stopping = False
        self._frozen = False

    def command(self, name):
        """Decorator: this function serves that command.

        What a handler of `ping` returns (an object) is added to the kit's own answer; what a handler of
        `shutdown` returns is the acknowledgement.
        """

        def register(function):
            self._commands[name] = function
            return function

        return register

    def after_fork(self, function):
        """Decorator: a worker forked from a warm template calls this before its first request.

        For what must not be shared between workers: connections, caches, generators of random numbers.
        """
        self._after_fork.append(function)
        return function

    @property
    def progress_channel(self):
        if self._progress is None:
            self._progress = early.channel()
        return self._progress

    def progress(self, note=None):
        """Report that a slow start is getting on, for example before and after an import. Never blocks."""
        self.progress_channel.report(None, note)

    def main(self, argv=None, descriptors=None):
        """Serve the requests on standard input until the end. Does not return.

        Started as a warm template (template.py), it serves forks instead; what is below is then each worker's.
        descriptors: instead of the standard streams, (request, reply, progress or None), for a process that was
        forked otherwise.
        """
        request_fd, reply_fd = protect_stdio()
        early.end()
        prepare_signals()
        forked, parsed = False, None
        if TEMPLATE_ENVIRONMENT_NAME in os.environ:
            from . import template  # Only now: a worker without a template starts faster.

            self.progress_channel  # The template's own; taken from the environment.
            parsed = parse_options(argv)  # Once for all workers, and so is what it imports.
            descriptors = template.serve_forks(template.take_from_environment(), self._made_at)
            forked = True
        if descriptors is not None:
            request_fd, reply_fd, progress_fd = adopt_descriptors(descriptors)
            self._progress = ProgressChannel(progress_fd)
        self._options, self.extra_arguments = parsed or parse_options(argv)
        self.mode, self.worker_id = self._options.mode, self._options.worker_id
        self.progress_channel  # Opened now, so that no child inherits it.
        if self._options.faults:
            from .faults import FAULTS  # Only now: a worker without faults starts faster.

            for fault in FAULTS:
                self._commands.setdefault(fault.name, fault.run)
        wire = Wire(request_fd, reply_fd, self._options.max_frame_bytes)
        if forked:
            self._freeze()  # A spare has the time for it now, and none once it is asked for.
            template.await_first_request(request_fd, self._after_fork)
        perform_start(self._options, wire)
        status = self.serve(wire)
        if self.refuses_to_die:
            pause_forever()
        if self._stopping:
            sys.exit(status)  # Asked to go: the interpreter may tidy up.
        flush_quietly()
        os._exit(status)  # The host is gone: no hanging thread or exit hook may keep this process alive.

    def serve(self, wire):
        """Answer the requests of this wire; returns the exit status."""
        self.wire = wire
        self._install_own_commands()
        if not self._frozen:
            self._freeze()
        try:
            return self._serve()
        except FrameError as error:
            say(str(error))
            return STATUS_BAD_STREAM
        except (BrokenPipeError, ConnectionResetError):
            return STATUS_NO_READER
        except OSError as error:  # Of the pipes: what a handler raises is its reply.
            say("a pipe to the host failed: %s" % error)
            return STATUS_NO_READER

    def _freeze(self):
        """What exists now will live on: collections need not look at it, forks need not copy it."""
        gc.collect()
        gc.freeze()
        self._frozen = True

    def _serve(self):
        next_frame, handle, send = self.wire.next_frame, self.handle, self.wire.send
        while not self._stopping:
            body = next_frame()
            if body is None:
                return 0
            frame = handle(body)
            if frame is not None:
                send(frame)
            body = frame = None  # An idle worker keeps no large message alive.
        return 0

    def handle(self, body):
        """The reply frame for one request body; None if there is to be no reply."""
        try:
            text = body.decode()
            request, end = scan(text, 0)
            request_id = request["id"]
            handler = self._commands[request["command"]]
            args = request["args"]
            if end != len(text) or type(args) is not dict or type(request_id) is not int or request_id < 0:
                raise ValueError
        except Exception:  # Rare, so it is read once more, with care.
            try:
                request = _read_carefully(body)
            except _Refused as refused:
                error = WorkerError(str(refused), type="MalformedRequest")
                return failure_frame(refused.request_id, error, self.terms.error_object)
            if request["command"] == CANCEL_COMMAND:
                return None  # Not for a running request, or it had not come this far.
            request_id, args = request["id"], request["args"]
            handler = self._commands.get(request["command"], _unknown_command)
        context = Context(self, request, _monotonic())
        try:
            result = handler(request["command"], args, context)
            return success_frame(request_id, result, self.wire.max_frame_bytes)
        except TakeOver as takeover:
            takeover.act()
            return None
        except BaseException as error:  # SystemExit and KeyboardInterrupt, too: the worker lives on.
            return failure_frame(request_id, error, self.terms.error_object)

    def _install_own_commands(self):
        """Put the kit's ping and shutdown around those of the bridge."""
        details = self._commands.get("ping", _nothing_to_add)
        farewell = self._commands.get("shutdown", self._default_farewell)

        def ping(command, args, context):
            is_start = context.request_id == 0
            if is_start:
                self.worker_id = args.get("worker_id", self.worker_id)
            answer = {"status": "ok", "worker_id": self.worker_id}
            answer.update(details(command, args, context))
            if is_start:
                self.terms, agreed = self._negotiate(args.get("ordeal"))
                if agreed is not None:
                    answer["ordeal"] = agreed
                if self.terms.heartbeat_s is not None:
                    from . import heartbeat  # Only now: ctypes takes time to import.

                    heartbeat.begin(self.progress_channel, self.terms.heartbeat_s)
                if self.terms.spin_us is not None:
                    from .spin import spinner_for  # Only now, as above.

                    self.wire.spinner = spinner_for(self.wire.request_fd, self.terms.spin_us)
            return answer

        def shutdown(command, args, context):
            self._stopping = not self.refuses_to_die
            return farewell(command, args, context)

        self._commands["ping"] = ping
        self._commands["shutdown"] = shutdown

    def _negotiate(self, offer):
        if self._options is None:
            return handshake.negotiate(offer, session_in_args=self._session_in_args)
        return handshake.negotiate(
            offer,
            self._options.protocol,
            self._options.extra_capability,
            not self.progress_channel.is_silent,
            self._session_in_args,
        )

    def _default_farewell(self, _command, _args, _context):
        return {"status": "shutting_down", "worker_id": self.worker_id, "mode": self.mode}


def _nothing_to_add(_command, _args, _context):
    return {}


def _unknown_command(command, _args, _context):
    raise WorkerError("Unknown command: %s" % command, type="UnknownCommand")


def _read_carefully(body):
    """The request in this body, with `args` put in if it has none. Raises _Refused with the best id there is."""
    try:
        request = decode(body.decode())
    except (ValueError, RecursionError, MemoryError) as error:
        raise _Refused(None, "the request is not JSON: %s" % error) from None
    if not isinstance(request, dict):
        raise _Refused(None, "the request is not an object")
    request_id = request.get("id")
    if type(request_id) is not int or request_id < 0:
        raise _Refused(None, "the request has no usable id")
    if not isinstance(request.get("command"), str):
        raise _Refused(request_id, "the request has no command")
    if request.get("args") is None:
        request["args"] = {}
    if not isinstance(request["args"], dict):
        raise _Refused(request_id, "the args are not an object")
    return request
