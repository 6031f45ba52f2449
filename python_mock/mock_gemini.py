"""A stand-in for Gemini's HTTP API, for this machine only: the same answers to the same prompts, no network.

    python3 mock_gemini.py --key K                              prints: listening on 127.0.0.1:PORT
    python3 mock_gemini.py --fault rate_limit:times=2,retry_after_ms=500 --fault latency:ms=200,times=always
    python3 mock_gemini.py --control                            takes orders on standard input (gemini/control.py)

It serves generateContent, streamGenerateContent (a JSON list, or with alt=sse events), countTokens, models and
models/NAME. gemini/answering.py says what it answers, gemini/faults.py what can go wrong. It serves one key (--key, or
MOCK_GEMINI_KEY), refuses others as Gemini does, and never logs one.
"""

import argparse
import hmac
import json
import os
import re
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from gemini import answering, replies
from gemini.control import serve_orders
from gemini.faults import KINDS, BadFault, Script, parse_fault
from gemini.ledger import Ledger
from gemini.refusal import Refusal, invalid
from gemini.replies import METHODS

KEY_ENVIRONMENT_NAME = "MOCK_GEMINI_KEY"
DEFAULT_KEY = "mock-key"
MAX_REQUEST_BYTES = 16 * 1024 * 1024
MODELS = ("gemini-1.5-flash", "gemini-1.5-pro", "gemini-2.0-flash", "gemini-2.5-flash", "gemini-2.5-pro")
_STREAM_PIECES = 4

_PATH = re.compile(r"^/v\d\w*/models(?:/([\w.-]+)(?::(\w+))?)?$")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections stay open, as a client of Gemini expects.
    wbufsize = -1  # Head and body in one packet,
    disable_nagle_algorithm = True  # sent at once.
    server_version = "mock-gemini"

    def do_POST(self):
        self._guarded(self._post)

    def do_GET(self):
        self._guarded(self._get)

    def _guarded(self, serve):
        try:
            serve()
        except Refusal as refusal:
            self._reply(refusal.code, refusal.body())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # Who asked is gone.

    def _get(self):
        model, method = self._path()
        self._check_key()
        if method is not None:
            raise Refusal(404, "GET is for models and models/NAME")
        if model is None:
            self._reply(200, {"models": [replies.described(name) for name in MODELS]})
        else:
            self._reply(200, replies.described(model))

    def _post(self):
        body = self._read_body()
        model, method = self._path()
        self._check_key()
        if method not in METHODS:
            raise Refusal(404, "POST is for models/NAME:METHOD with METHOD one of %s" % ", ".join(METHODS))
        request = _parsed(body)
        if method == "countTokens":
            request = request.get("generateContentRequest", request) if isinstance(request, dict) else request
            self._reply(200, replies.counted(answering.Prompt(request)))
            return
        self._generate(model, answering.Prompt(request), method == "streamGenerateContent")

    def _generate(self, model, prompt, streamed):
        script, ledger = self.server.script, self.server.ledger
        ledger.receive(prompt.last)
        time.sleep(self.server.delay_s)
        fault = script.take(model, prompt.whole)
        if fault is not None:
            ledger.strike(fault.kind)
            if self._suffer(fault, model, prompt):
                return
        responses = self._responses(model, prompt, streamed)
        if streamed:
            self._stream(responses)
        else:
            self._reply(200, responses[0])
        ledger.answer()

    def _suffer(self, fault, model, prompt):
        """What this fault does; whether the request has its answer by that."""
        values = fault.values
        if fault.kind == "latency":
            time.sleep(values.get("ms", 1000) / 1000.0)
            return False
        if fault.kind == "hold":
            self.server.ledger.hold()
            return False
        if fault.kind in ("rate_limit", "error"):
            raise fault.refusal()
        if fault.kind == "drop":
            self._drop(json.dumps(self._responses(model, prompt, False)[0]).encode(), values.get("after_bytes", 0))
        elif fault.kind == "malformed":
            self._send(200, values.get("body", '{"candidates": [{"content": ').encode())
        elif fault.kind == "off_form":
            self._reply(200, replies.response(model, prompt, ["This is not what was asked for."], "STOP"))
        else:
            self._reply(200, replies.nothing(model, prompt, fault))
        return True

    def _responses(self, model, prompt, streamed):
        limit = prompt.config["tokens_max"]
        texts = [answering.generate(prompt, number) for number in range(prompt.config["candidates"])]
        is_cut = limit is not None and any(answering.count_tokens(text) > limit for text in texts)
        if is_cut:
            texts = [answering.cut_to_tokens(text, limit) for text in texts]
        finish = "MAX_TOKENS" if is_cut else "STOP"
        if not streamed:
            return [replies.response(model, prompt, texts, finish)]
        size = max(1, -(-len(texts[0]) // _STREAM_PIECES))
        pieces = [texts[0][at : at + size] for at in range(0, len(texts[0]), size)] or [""]
        finishes = [None] * (len(pieces) - 1) + [finish]
        return [replies.response(model, prompt, [piece], end) for piece, end in zip(pieces, finishes)]

    def _read_body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
            self.close_connection = True  # What follows on it cannot be told apart.
            raise invalid("Content-Length is missing or too large")
        return self.rfile.read(int(length))

    def _path(self):
        """(model or None, method or None) of a path that is there."""
        found = _PATH.match(urlsplit(self.path).path)
        if not found:
            raise Refusal(404, "only models, models/NAME and models/NAME:METHOD are here")
        model, method = found.groups()
        if model is not None and model not in MODELS:
            raise Refusal(404, "models/%s is not found; there are: %s" % (model, ", ".join(MODELS)))
        return model, method

    def _check_key(self):
        in_query = parse_qs(urlsplit(self.path).query).get("key", [""])[0]
        given = self.headers.get("x-goog-api-key") or in_query
        if not given:
            raise Refusal(403, "Method doesn't allow unregistered callers.")
        if not hmac.compare_digest(given.encode(), self.server.key.encode()):
            raise Refusal(
                400,
                "API key not valid. Please pass a valid API key.",
                [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
            )

    def _reply(self, code, message):
        self._send(code, json.dumps(message).encode())

    def _send(self, code, body):
        self._head(code, "application/json; charset=UTF-8", ("Content-Length", str(len(body))))
        self.wfile.write(body)
        self.wfile.flush()

    def _head(self, code, content_type, header):
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header(*header)
        self.end_headers()

    def _stream(self, responses):
        """Events with alt=sse, else a JSON list, in chunks."""
        is_events = parse_qs(urlsplit(self.path).query).get("alt", [""])[0] == "sse"
        content_type = "text/event-stream" if is_events else "application/json; charset=UTF-8"
        self._head(200, content_type, ("Transfer-Encoding", "chunked"))
        for number, response in enumerate(responses):
            text = json.dumps(response)
            last = number + 1 == len(responses)
            piece = "data: %s\r\n\r\n" % text if is_events else "[,"[number > 0] + text + ("]" if last else "")
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece.encode()), piece.encode()))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _drop(self, body, after_bytes):
        """The connection is reset, so that no client takes it for an end."""
        if after_bytes:
            self._head(200, "application/json; charset=UTF-8", ("Content-Length", str(len(body) + after_bytes)))
            self.wfile.write(body[:after_bytes])
            self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass  # Dropped on purpose, or by who asked.

    def log_message(self, format, *args):
        """Nothing: the path may hold the key."""


def _parsed(body):
    try:
        return json.loads(body)
    except ValueError:
        raise invalid("Invalid JSON payload received.") from None


class Server(ThreadingHTTPServer):
    daemon_threads = True  # An open connection does not keep it alive.
    request_queue_size = 128

    def __init__(self, port=0, key=DEFAULT_KEY, delay_s=0.0, faults=()):
        self.key = key
        self.delay_s = delay_s
        self.script = Script(faults)
        self.ledger = Ledger()
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request, client_address):
        """A client that is gone is no news; anything else is a bug here, and is told without the request's text."""
        kind = sys.exc_info()[0]
        if not issubclass(kind, OSError):
            super().handle_error(request, client_address)


def main(argv=None):
    kinds = "\n".join("  %-11s %s" % (kind, what) for kind, (_, what) in KINDS.items())
    parser = argparse.ArgumentParser(
        description=__doc__ + "\nFaults:\n" + kinds, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--key", default=os.environ.get(KEY_ENVIRONMENT_NAME, DEFAULT_KEY))
    parser.add_argument("--delay-ms", type=int, default=0, help="answer only after that time")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND[:NAME=VALUE,...]", help="repeatable")
    parser.add_argument("--ready-fd", type=int, default=1, help="where the line with the address goes")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input ends")
    parser.add_argument("--control", action="store_true", help="orders on standard input; ends with it")
    options = parser.parse_args(argv)
    try:
        faults = [parse_fault(text) for text in options.fault]
        server = Server(options.port, options.key, options.delay_ms / 1000.0, faults)
    except BadFault as error:
        parser.error(str(error))
    if options.control or options.exit_with_stdin:
        threading.Thread(target=_follow_stdin, args=(server, options.control), daemon=True).start()
    os.write(options.ready_fd, b"listening on %s:%d\n" % (server.server_address[0].encode(), server.server_address[1]))
    if options.ready_fd > 2:
        os.close(options.ready_fd)
    server.serve_forever()


def _follow_stdin(server, is_control):
    if is_control:
        serve_orders(sys.stdin.buffer, sys.stdout.buffer, server.script, server.ledger)
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)  # Whoever started it is gone.


if __name__ == "__main__":
    main()
