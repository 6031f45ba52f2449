"""A stand-in for Gemini's generateContent, for this machine only: the same answers to the same prompts, no network.

It reads DSPy's chat prompts: the output fields that they ask for, with their types, and the inputs. It answers in
DSPy's own form, `[[ ## field ## ]]`, with the values of dspex/answers.py: what the mock bridge answers to the same
text inputs, a DSPy program run against this answers, too. A prompt of another kind gets one line of text.

Started, it prints one line, "listening on 127.0.0.1:PORT", or writes it to --ready-fd. It serves one key (--key, or
MOCK_GEMINI_KEY), refuses others as Gemini does, and never logs one.
"""

import argparse
import ast
import hmac
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from dspex.answers import answer

KEY_ENVIRONMENT_NAME = "MOCK_GEMINI_KEY"
DEFAULT_KEY = "mock-key"
MAX_REQUEST_BYTES = 16 * 1024 * 1024

_METHOD = re.compile(r"/models/([\w.-]+):(\w+)$")
_OUTPUT_FIELDS = re.compile(r"Your output fields are:\n(.*?)\nAll interactions", re.DOTALL)
_FIELD_LINE = re.compile(r"^\d+\. `(\w+)` \((.+?)\):", re.MULTILINE)
_HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\]\n", re.MULTILINE)
_REQUIREMENTS = "\n\nRespond with the corresponding output fields"


class Refusal(Exception):
    """An error as Gemini tells it."""

    def __init__(self, code, status, message):
        super().__init__(message)
        self.code = code
        self.status = status


def generate(request):
    """The text that answers this generateContent request."""
    if not isinstance(request, dict) or not isinstance(request.get("contents"), list) or not request["contents"]:
        raise Refusal(400, "INVALID_ARGUMENT", "contents is not specified")
    # LiteLLM sends the system prompt apart, or as the first part of the user's, depending on the model.
    texts = _texts_of(request.get("system_instruction") or request.get("systemInstruction"))
    texts += _texts_of(request["contents"][-1])
    prompt = texts[-1] if texts else ""
    fields = _requested_fields("\n".join(texts))
    if not fields:
        return answer("text", "str", {"prompt": prompt})
    inputs = _given_inputs(prompt)
    parts = ["[[ ## %s ## ]]\n%s\n" % (name, _value(name, type_name, inputs)) for name, type_name in fields]
    return "\n".join(parts + ["[[ ## completed ## ]]"])


def _texts_of(content):
    """The text of each part of one content. Its shape is the caller's; what has another shape has no text."""
    parts = content.get("parts") if isinstance(content, dict) else None
    parts = [parts] if isinstance(parts, dict) else parts if isinstance(parts, list) else []
    return [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]


def _requested_fields(text):
    """[(name, type)] of the output fields that DSPy describes."""
    section = _OUTPUT_FIELDS.search(text)
    return _FIELD_LINE.findall(section.group(1) + "\n") if section else []


def _given_inputs(prompt):
    """The inputs as DSPy has written them into the prompt."""
    pieces = _HEADER.split(prompt.split(_REQUIREMENTS)[0])
    return {name: value.strip() for name, value in zip(pieces[1::2], pieces[2::2])}


def _value(name, type_name, inputs):
    if type_name.startswith("Literal["):
        return ast.literal_eval(type_name[len("Literal"):])[0]
    value = answer(name, type_name, inputs)
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections stay open, as a client of Gemini expects.
    wbufsize = -1  # Head and body in one packet,
    disable_nagle_algorithm = True  # sent at once.
    server_version = "mock-gemini"

    def do_POST(self):
        try:
            body = self._read_body()
            model = self._check_path()
            self._check_key()
            text = generate(_parsed(body))
            time.sleep(self.server.delay_s)
            self._reply(200, _response(model, text))
        except Refusal as refusal:
            error = {"code": refusal.code, "message": str(refusal), "status": refusal.status}
            self._reply(refusal.code, {"error": error})

    def do_GET(self):
        self._reply(404, {"error": {"code": 404, "message": "only generateContent is here", "status": "NOT_FOUND"}})

    def _read_body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
            self.close_connection = True  # What follows on it cannot be told apart.
            raise Refusal(400, "INVALID_ARGUMENT", "Content-Length is missing or too large")
        return self.rfile.read(int(length))

    def _check_path(self):
        method = _METHOD.search(urlsplit(self.path).path)
        if not method or method.group(2) != "generateContent":
            raise Refusal(404, "NOT_FOUND", "only models/MODEL:generateContent is here")
        return method.group(1)

    def _check_key(self):
        in_query = parse_qs(urlsplit(self.path).query).get("key", [""])[0]
        given = self.headers.get("x-goog-api-key") or in_query
        if not given:
            raise Refusal(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        if not hmac.compare_digest(given.encode(), self.server.key.encode()):
            raise Refusal(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")

    def _reply(self, code, message):
        body = json.dumps(message).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Nothing: the path may hold the key."""


def _parsed(body):
    try:
        return json.loads(body)
    except ValueError:
        raise Refusal(400, "INVALID_ARGUMENT", "Invalid JSON payload received.") from None


def _response(model, text):
    words = len(text.split())
    return {
        "candidates": [
            {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": words, "totalTokenCount": words + 1},
        "modelVersion": model,
    }


class Server(ThreadingHTTPServer):
    daemon_threads = True  # An open connection does not keep it alive.

    def __init__(self, port=0, key=DEFAULT_KEY, delay_s=0.0):
        super().__init__(("127.0.0.1", port), Handler)
        self.key = key
        self.delay_s = delay_s


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--key", default=os.environ.get(KEY_ENVIRONMENT_NAME, DEFAULT_KEY))
    parser.add_argument("--delay-ms", type=int, default=0, help="answer only after that time")
    parser.add_argument("--ready-fd", type=int, default=1, help="where the line with the address goes")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input ends")
    options = parser.parse_args(argv)
    server = Server(options.port, options.key, options.delay_ms / 1000.0)
    if options.exit_with_stdin:
        threading.Thread(target=_exit_with_stdin, daemon=True).start()
    os.write(options.ready_fd, b"listening on %s:%d\n" % (server.server_address[0].encode(), server.server_address[1]))
    if options.ready_fd > 2:
        os.close(options.ready_fd)
    server.serve_forever()


def _exit_with_stdin():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)  # Whoever started it is gone.


if __name__ == "__main__":
    main()
