"""The engine that runs programs with DSPy, over LiteLLM. Importing it takes seconds.

Invariants:
* Nothing is cached but built programs, nothing is retried here, and no error that leaves it holds the key.
* Each call to the model gets the time that its request has left, and none is begun when there is none left.
"""

from typing import Any, Dict, List

import dspy

from ordeal_worker import WorkerError

from .answers import kind_of
from .build_cache import BuildCache
from .commands import bare_model
from .dspy_adapter import DeadlineAdapter
from .dspy_errors import as_worker_error, describe_usage, empty_answer
from .names import sanitized_names
from .tools import find_tools

_TYPES = {"text": str, "int": int, "float": float, "bool": bool, "list": List[str], "dict": Dict[str, Any]}
_MODELS_MAX = 8

dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


class DspyEngine:
    """The language models of the worker; programs are built once and run in their context."""

    dspy_available = True
    gemini_available = True

    def __init__(self):
        self._settings = None
        self._model = None
        self._models = {}  # By name: a program may want another one than configure_lm has set.
        self._built = BuildCache(_build)

    def configure(self, model, api_key, api_base, temperature):
        self._settings = {"api_key": api_key, "temperature": temperature, "cache": False, "num_retries": 0}
        if api_base is not None:
            self._settings["api_base"] = api_base
        self._model = bare_model(model)
        self._models.clear()

    def build(self, program):
        module, names = self._built.get(program)
        details = {"signature_class": module.signature_class, "field_mapping": dict(names), "fallback_used": False}
        return (module, names), details

    def run(self, program, inputs, context):
        """The outputs, and what they took: usage, and the model's last words."""
        module, names = program.built
        lm = self._model_named(program.model or self._model)
        lm.history.clear()  # From here on it is this request's.
        context.progress("asking the model")
        try:
            with dspy.context(lm=lm, adapter=DeadlineAdapter(context)):
                prediction = module.run({names[name]: value for name, value in inputs.items()})
            outputs = {field.name: _output(prediction, names[field.name]) for field in program.outputs}
            return outputs, {"usage": describe_usage(lm.history), "raw_response": _last_words(lm.history)}
        except WorkerError:
            raise
        except Exception as error:
            raise as_worker_error(error, lm.history, self._settings) from None
        finally:
            lm.history.clear()  # Prompts are nobody's but the caller's.

    def cache_report(self):
        return self._built.report()

    def _model_named(self, name):
        name = bare_model(name)
        if name not in self._models:
            if len(self._models) >= _MODELS_MAX:
                self._models.pop(next(iter(self._models)))
            self._models[name] = dspy.LM("gemini/" + name, engine="litellm", **self._settings)
        return self._models[name]


class _Module:
    """A DSPy module, and how it is called."""

    def __init__(self, module, signature):
        self._module = module
        self.signature_class = signature.__name__

    def run(self, values):
        return self._module(**values)


def _build(program):
    names = sanitized_names([field.name for field in program.inputs + program.outputs])
    fields = {}
    for given, make in ((program.inputs, dspy.InputField), (program.outputs, dspy.OutputField)):
        for field in given:
            described = {"desc": field.description} if field.description else {}
            fields[names[field.name]] = (_TYPES[kind_of(field.type)], make(**described))
    signature = dspy.make_signature(fields, program.instructions or None)
    return _Module(_module_for(program, signature), signature), names


def _module_for(program, signature):
    if program.program_type == "chain_of_thought":
        return dspy.ChainOfThought(signature)
    if program.program_type == "react":
        return dspy.ReAct(signature, tools=find_tools(program.tools), max_iters=program.max_iters)
    return dspy.Predict(signature)


def _output(prediction, name):
    try:
        return prediction[name]
    except (KeyError, AttributeError, StopIteration):  # DSPy takes an answer without candidates for a prediction.
        raise empty_answer() from None


def _last_words(history):
    outputs = history[-1].get("outputs") if history else None
    first = outputs[0] if outputs else None
    return first if isinstance(first, str) else (first or {}).get("text") if isinstance(first, dict) else None
