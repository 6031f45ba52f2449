"""A file of questions in, answers of a DSPy program out, through a pool of workers.

    scripts/ask questions.txt                                   one question a line; answers on standard output
    scripts/ask --signature 'text, language -> translation' --output answers.jsonl texts.jsonl
    scripts/ask --program chain_of_thought --workers 8 questions.txt

A line is a question as plain text, or a JSON object with the program's inputs: {"question": "why?"}; an "id" in it
comes back. An answer is one line of JSON, in the order of the questions: {"line": 1, "inputs": {...}, "outputs": {...},
"usage": {...}}, or with "error" instead of "outputs". With GEMINI_API_KEY set Gemini answers (--model, GEMINI_MODEL);
without it a stand-in on this machine does, which is said. Questions whose model is busy, broken or too late, or whose
worker dies, are asked again.

Exit status: that of `ordeal-pool run`: 0 all are answered, 1 some are not, 2 wrong use, 3 no worker could be started.
"""

import argparse
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_MODEL = "gemini-2.5-flash"
PASSED_ON = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV"]
GEMINI_VARIABLES = ["GEMINI_API_KEY", "GEMINI_API_BASE", "GEMINI_MODEL"]
_FIELD = re.compile(r"^\s*([^:]+?)\s*(?::\s*(.+?)\s*)?$")


class Misuse(Exception):
    """What the caller did wrong, in words; exit status 2."""


def parse_signature(text):
    """{"inputs": [...], "outputs": [...]} of 'question, context -> answer, score: int'."""
    parts = text.split("->")
    if len(parts) != 2:
        raise Misuse("--signature '%s': it must be like 'question -> answer' or 'a, b -> c: int'" % text)
    signature = {}
    for name, part in zip(("inputs", "outputs"), parts):
        fields = [_FIELD.match(each) for each in part.split(",")]
        if not all(fields):
            raise Misuse("--signature '%s': a field has no name" % text)
        signature[name] = [{"name": field.group(1), "type": field.group(2) or "str"} for field in fields]
    return signature


class Question:
    """One line of the file."""

    def __init__(self, line, text, names):
        self.line = line
        self.inputs = {names[0]: text}
        self.id = None
        self.flaw = None
        if not text.lstrip().startswith("{"):
            return
        try:
            given = json.loads(text)
        except ValueError as error:
            self.flaw = "it begins like JSON, and is none: %s" % error
            return
        self.id = given.pop("id", None)
        self.inputs = given.get("inputs", given)
        missing = [name for name in names if name not in self.inputs]
        if missing:
            self.flaw = "no input '%s'" % missing[0]

    def answer(self, **members):
        start = {"line": self.line} if self.id is None else {"line": self.line, "id": self.id}
        return dict(start, inputs=self.inputs, **members)


def read_questions(source, names):
    for number, text in enumerate(source, 1):
        if text.strip():
            yield Question(number, text.strip(), names)


class Tally:
    """What it all came to."""

    def __init__(self):
        self.answered = 0
        self.attempts = 0
        self.tokens = 0
        self.cost = 0.0
        self.cost_known = True
        self.failures = Counter()

    def count(self, answer):
        if "error" in answer:
            self.failures[answer["error"]["type"]] += 1
            return
        self.answered += 1
        self.attempts += answer.get("attempts", 1) - 1
        usage = answer.get("usage") or {}
        self.tokens += usage.get("total_tokens", 0)
        self.cost_known = self.cost_known and usage.get("cost_usd") is not None
        self.cost += usage.get("cost_usd") or 0.0

    def told(self):
        text = "%d answered, %d not" % (self.answered, sum(self.failures.values()))
        if self.failures:
            text += " (%s)" % ", ".join("%s: %d" % pair for pair in self.failures.most_common())
        text += "; %d asked again; %d tokens" % (self.attempts, self.tokens)
        return text + (", %.4f USD" % self.cost if self.cost_known and self.tokens else "")


class Answers:
    """Writes answers in the order of the questions, each as soon as those before it are there."""

    def __init__(self, sink):
        self._sink = sink
        self._lock = threading.Lock()
        self._questions = {}
        self._ready = {}
        self._next = self._asked = 0
        self.tally = Tally()

    def ask(self, question):
        """Its number; it is to be answered."""
        with self._lock:
            self._asked += 1
            self._questions[self._asked - 1] = question
            return self._asked - 1

    def take(self, number, members):
        with self._lock:
            answer = self._questions.pop(number).answer(**members)
            self.tally.count(answer)
            self._ready[number] = answer
            while self._next in self._ready:
                self._sink.write(json.dumps(self._ready.pop(self._next), ensure_ascii=False) + "\n")
                self._next += 1
            self._sink.flush()

    def end(self):
        """Those that nobody has answered: the run was interrupted, or never began."""
        with self._lock:
            left = sorted(self._questions)
        for number in left:
            self.take(number, {"error": {"type": "NotAsked", "message": "the run ended before"}})


def members_of(outcome):
    """What of an outcome of `ordeal-pool run` goes into an answer."""
    if outcome["outcome"] == "ok":
        result = outcome["result"]
        kept = {"outputs": result["outputs"]}
        if "usage" in result:
            kept["usage"] = result["usage"]
        if outcome.get("attempts", 1) > 1:
            kept["attempts"] = outcome["attempts"]
        return kept
    error = outcome["error"]
    application = error.get("application") or {}
    told = {"type": application.get("type") or error["code"], "message": error["message"]}
    return {"error": dict(told, may_have_happened=outcome["outcome"] == "indeterminate")}


def feed(questions, pool, answers, request_for):
    """Writes a request for each question. The pool reads no faster than it works."""
    try:
        for question in questions:
            number = answers.ask(question)
            if question.flaw is not None:
                answers.take(number, {"error": {"type": "BadQuestion", "message": question.flaw}})
                continue
            pool.stdin.write((json.dumps(dict(request_for(question), id=number)) + "\n").encode())
            pool.stdin.flush()
        pool.stdin.close()
    except BrokenPipeError:
        pass  # It has ended, and says why itself.


def start_stand_in(environment):
    """The stand-in for Gemini, with a key of its own; it ends with us. Puts both into the environment."""
    key = secrets.token_hex(16)
    command = [sys.executable, os.path.join(HERE, "mock_gemini.py"), "--exit-with-stdin"]
    stand_in = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(environment, MOCK_GEMINI_KEY=key),
        start_new_session=True,  # Ctrl-C is for the pool, which still has questions to answer.
    )
    address = stand_in.stdout.readline().split()[-1].decode()
    environment.update(GEMINI_API_KEY=key, GEMINI_API_BASE="http://%s/v1beta" % address)
    return stand_in


def pool_command(options):
    command = [options.pool, "run", "--workers", str(options.workers)]
    settings = {
        "fork_template": "true",
        "start_timeout_ms": 120_000,
        "call_timeout_ms": int(options.deadline_s * 1000),
        "retry.max_retries": options.retries,
        "retry.base_delay_ms": 500,
        "environment_allow": json.dumps(PASSED_ON + GEMINI_VARIABLES),
    }
    for name, value in settings.items():
        command += ["--set", "%s=%s" % (name, value)]
    for setting in options.set:
        command += ["--set", setting]
    bridge = [options.python, options.bridge, "--mode", "pool-worker"]
    for path in options.tools:
        bridge += ["--tools", path]
    return command + ["--"] + bridge


def requests_for(options, signature):
    program = {"signature": dict(signature), "program_type": options.program}
    if options.instructions:
        program["signature"]["instructions"] = options.instructions

    def request_for(question):
        args = {"program_id": "ask", "program_data": program, "inputs": question.inputs}
        return {"command": "execute_program", "args": args, "idempotent": True, "label": "line %d" % question.line}

    return request_for


def parse_arguments(argv):
    venv = os.environ.get("ORDEAL_VENV") or os.path.expanduser("~/.cache/ordeal/venv")
    parser = argparse.ArgumentParser(
        prog="ask", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("questions", help="a file; -: standard input")
    parser.add_argument("--signature", default="question -> answer", help="default: question -> answer")
    parser.add_argument("--instructions", default="", help="what the model is told to do")
    parser.add_argument("--program", default="predict", choices=("predict", "chain_of_thought", "react"))
    parser.add_argument("--tools", action="append", default=[], metavar="FILE.py", help="tools for react")
    parser.add_argument("--model", help="default: GEMINI_MODEL, or " + DEFAULT_MODEL)
    parser.add_argument("--output", default="-", help="a file; -: standard output (the default)")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--retries", type=int, default=3, help="of one question (3)")
    parser.add_argument("--deadline-s", type=float, default=60, help="for one question, retries included (60)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the pool")
    parser.add_argument("--pool", default=os.path.join(os.path.dirname(HERE), "build", "bin", "ordeal-pool"))
    parser.add_argument("--python", default=os.path.join(venv, "bin", "python"), help="one that has DSPy")
    parser.add_argument("--bridge", default=os.path.join(HERE, "dspy_bridge.py"))
    return parser.parse_args(argv)


def check(options):
    if not os.access(options.python, os.X_OK):
        raise Misuse("%s is not there, so neither is DSPy; first: scripts/setup --dspy" % options.python)
    if not os.access(options.pool, os.X_OK):
        raise Misuse("%s is not there; scripts/ask builds it" % options.pool)


def run(options, questions, sink):
    environment = dict(os.environ)
    environment["GEMINI_MODEL"] = options.model or environment.get("GEMINI_MODEL") or DEFAULT_MODEL
    stand_in = None
    if not environment.get("GEMINI_API_KEY"):
        stand_in = start_stand_in(environment)
        say("GEMINI_API_KEY is not set: a stand-in on this machine answers, not a model")
    else:
        say("asking %s" % environment["GEMINI_MODEL"])
    signature = parse_signature(options.signature)
    names = [field["name"] for field in signature["inputs"]]
    answers = Answers(sink)
    pool = subprocess.Popen(pool_command(options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    feeding = (read_questions(questions, names), pool, answers, requests_for(options, signature))
    feeder = threading.Thread(target=feed, args=feeding, daemon=True)
    feeder.start()
    for line in pool.stdout:
        outcome = json.loads(line)
        answers.take(outcome["id"], members_of(outcome))
    status = pool.wait()
    answers.end()
    if stand_in is not None:
        stand_in.stdin.close()
        stand_in.wait()
    say(answers.tally.told())
    return status if status or not answers.tally.failures else 1


def say(text):
    print("ask: " + text, file=sys.stderr, flush=True)


def main(argv=None):
    options = parse_arguments(argv)
    # Ctrl-C reaches the pool as well: it answers what it has begun, and this waits for that.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        check(options)
        parse_signature(options.signature)
        questions = sys.stdin if options.questions == "-" else open(options.questions, encoding="utf-8")
        sink = sys.stdout if options.output == "-" else open(options.output, "w", encoding="utf-8")
    except (Misuse, OSError) as error:
        say(str(error))
        return 2
    with questions, sink:
        return run(options, questions, sink)


if __name__ == "__main__":
    sys.exit(main())
