"""Between a DSPy module and the model: each call gets the time that is left, and one that would be for nothing is not
made.

DSPy asks a model whose answer it could not read a second time, in JSON. Not so here if the answer was blocked or cut
off: the second would be, too. A program of several calls (react) stops between two when its request was cancelled.
"""

import dspy
from dspy.adapters.json_adapter import JSONAdapter
from dspy.utils.exceptions import AdapterParseError

from ordeal_worker import Cancelled, WorkerError

from .dspy_errors import is_final


class DeadlineAdapter(dspy.ChatAdapter):
    def __init__(self, context):
        super().__init__(use_json_adapter_fallback=False)
        self._context = context

    def __call__(self, lm, lm_kwargs, signature, demos, inputs):
        try:
            return super().__call__(lm, self._timed(lm_kwargs), signature, demos, inputs)
        except AdapterParseError:
            if is_final(lm.history):
                raise
            return JSONAdapter()(lm, self._timed(lm_kwargs), signature, demos, inputs)

    def _timed(self, lm_kwargs):
        remaining_s = self._context.remaining_s()
        if remaining_s <= 0:
            raise WorkerError("the deadline has passed, so the model was not asked", type="DeadlineExceeded")
        if self._context.cancelled():
            raise Cancelled()
        return lm_kwargs if remaining_s == float("inf") else dict(lm_kwargs, timeout=remaining_s)
