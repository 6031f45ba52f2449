"""The engine that runs programs with DSPy, over LiteLLM. Importing it takes seconds.

Invariants: nothing is cached or retried here, and no error that leaves it holds the key.
"""

import re
from typing import Any, Dict, List

import dspy

from ordeal_worker import WorkerError

from .answers import kind_of
from .commands import bare_model

_TYPES = {"text": str, "int": int, "float": float, "bool": bool, "list": List[str], "dict": Dict[str, Any]}
_MODULES = {"predict": dspy.Predict, "chain_of_thought": dspy.ChainOfThought}
_HIDDEN_KEY = "(key)"
_TAKEN_NAMES = ("signature", "new_signature", "demos", "config", "lm", "prediction", "reasoning", "completed")
"""Words that a call of a DSPy module takes for itself, or that its prompt uses."""

dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


class DspyEngine:
    """One language model for the worker; programs are built once and run in its context."""

    dspy_available = True
    gemini_available = True

    def __init__(self):
        self._lm = None
        self._key = None

    def configure(self, model, api_key, api_base, temperature):
        settings = {"api_key": api_key, "temperature": temperature, "cache": False, "num_retries": 0}
        if api_base is not None:
            settings["api_base"] = api_base
        self._lm = dspy.LM("gemini/" + bare_model(model), engine="litellm", **settings)
        self._key = api_key

    def build(self, program):
        names = sanitized_names([field.name for field in program.inputs + program.outputs])
        fields = {}
        for given, make in ((program.inputs, dspy.InputField), (program.outputs, dspy.OutputField)):
            for field in given:
                described = {"desc": field.description} if field.description else {}
                fields[names[field.name]] = (_TYPES[kind_of(field.type)], make(**described))
        signature = dspy.make_signature(fields)
        built = _MODULES[program.program_type](signature), names
        return built, {"signature_class": signature.__name__, "field_mapping": names, "fallback_used": False}

    def run(self, program, inputs, context):
        module, names = program.built
        call = {names[name]: value for name, value in inputs.items()}
        remaining_s = context.remaining_s()
        if remaining_s != float("inf"):
            call["config"] = {"timeout": remaining_s}
        context.progress("asking the model")
        try:
            with dspy.context(lm=self._lm):
                prediction = module(**call)
        except Exception as error:
            raise self._without_key(error) from None
        return {field.name: prediction[names[field.name]] for field in program.outputs}

    def _without_key(self, error):
        """The same failure as a WorkerError, with the key cut out of its text."""
        text = str(error)
        if self._key:
            text = text.replace(self._key, _HIDDEN_KEY)
        message = "Program execution failed: %s: %s" % (type(error).__name__, text)
        return WorkerError(message, type=type(error).__name__, retryable=_is_retryable(error))


def _is_retryable(error):
    return isinstance(error, dspy.LMError) and bool(dspy.is_retryable_lm_error(error))


def sanitized_names(names):
    """Each name and the identifier that stands for it in a DSPy signature; different names get different ones."""
    mapping = {}
    for name in names:
        candidate = re.sub(r"\W", "_", name, flags=re.ASCII)
        if not re.match(r"[A-Za-z]", candidate):
            candidate = "field_" + candidate.lstrip("_")
        while candidate in mapping.values() or candidate in _TAKEN_NAMES:
            candidate += "_"
        mapping[name] = candidate
    return mapping
