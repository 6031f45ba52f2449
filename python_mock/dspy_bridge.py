"""The real thing: the DSPex commands over DSPy and LiteLLM. Needs requirements-dspy.txt.

    configure_lm     {"model": "gemini/gemini-1.5-flash", "api_key": K, "api_base": "http://127.0.0.1:PORT/v1beta"}
    create_program   {"id": "p", "signature": {"inputs": [...], "outputs": [...]}, "program_type": "predict"}
    execute_program  {"program_id": "p", "inputs": {...}}, or with "program_data", without a create_program before

Without configure_lm the first run takes GEMINI_API_KEY, GEMINI_API_BASE and GEMINI_MODEL from the environment. Retries
and caches are off: the pool has its own, and a cached answer would say nothing about the worker. The time that the
request has left is the time-out of each of its calls to the model. A key is never told or logged.

--tools FILE.py gives `react` programs more tools than `calculate` (dspex/tools.py).
"""

import argparse
import os

# Before the imports: LiteLLM else fetches its price list from the network, and waits for it.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from ordeal_worker import Worker, protect_stdio  # noqa: E402

protect_stdio()  # Before the imports that print.
worker = Worker(session_in_args=False)
worker.progress("importing dspy")

import dspy  # noqa: E402

worker.progress("importing litellm")

import litellm  # noqa: E402, F401  (DSPy would import it in the first call, for seconds)

from dspex import DspexCommands  # noqa: E402
from dspex.dspy_engine import DspyEngine  # noqa: E402
from dspex.tools import load_tools  # noqa: E402
from dspex.warm_imports import import_what_the_first_call_needs  # noqa: E402

worker.progress("importing what the first call needs")
import_what_the_first_call_needs()
worker.progress("imported")
parser = argparse.ArgumentParser(add_help=False)
parser.add_argument("--tools", action="append", default=[])
for path in parser.parse_known_args()[0].tools:
    load_tools(path)
commands = DspexCommands(worker, DspyEngine())

if __name__ == "__main__":
    worker.main()
