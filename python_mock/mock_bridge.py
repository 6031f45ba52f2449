"""A DSPex bridge without a language model: the 16 commands, answered at once and always alike.

The answers are those of dspex/answers.py: same inputs, same outputs, in every worker and on every machine. Only the
standard library is needed. With --faults the zoo of ordeal_worker/faults.py is offered, too.
"""

from dspex import DspexCommands
from dspex.answers import answer
from ordeal_worker import Worker


class MockEngine:
    """Says it has no DSPy and no Gemini, and answers all the same."""

    dspy_available = False
    gemini_available = False

    def configure(self, model, api_key, api_base, temperature):
        pass

    def build(self, program):
        return program, {"signature_class": None, "field_mapping": {}, "fallback_used": False}

    def cache_report(self):
        return {"entries": 0, "entries_max": 0, "built": 0, "found": 0}

    def run(self, program, inputs, context):
        outputs = {field.name: answer(field.name, field.type, inputs) for field in program.outputs}
        return outputs, {"raw_response": "\n".join("%s: %s" % item for item in outputs.items())}


worker = Worker(session_in_args=False)
DspexCommands(worker, MockEngine())

if __name__ == "__main__":
    worker.main()
