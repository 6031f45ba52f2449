"""A worker that asks a model over HTTP, as a bridge does, with the standard library alone.

The endpoint is $ORDEAL_MODEL_URL (http://127.0.0.1:PORT of mock_gemini.py, whose key is "mock-key"). What goes wrong
there is an error of this worker, and never a wrong answer; trying again may help with all but a refusal.
"""

import json
import os

from ..errors import WorkerError
from .arguments import text

_PATH = "/v1beta/models/gemini-1.5-flash:generateContent"


def ask_model(_command, args, context):
    answer = _post({"contents": [{"role": "user", "parts": [{"text": text(args, "prompt", "why?")}]}]}, context)
    try:
        said = answer["candidates"][0]["content"]["parts"][0]["text"]
    except (KeyError, IndexError, TypeError):
        raise WorkerError("the model's answer has no text", type="BadModelAnswer", retryable=True) from None
    return dict(args, said=said)


def _post(request, context):
    import http.client  # Only now: slow to import, and nobody else needs it.
    from urllib.parse import urlsplit

    address = urlsplit(os.environ.get("ORDEAL_MODEL_URL", ""))
    if not address.hostname:
        raise WorkerError("ORDEAL_MODEL_URL is not set", type="NoModel")
    connection = http.client.HTTPConnection(
        address.hostname, address.port, timeout=max(0.001, min(context.remaining_s(), 60.0))
    )
    try:
        connection.request("POST", _PATH, json.dumps(request), {"x-goog-api-key": "mock-key"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise WorkerError("the model's endpoint: %r" % error, type="ModelUnreachable", retryable=True) from None
    finally:
        connection.close()
    if response.status != 200:
        retryable = response.status == 429 or response.status >= 500
        raise WorkerError("the model answered HTTP %d" % response.status, type="ModelError", retryable=retryable)
    try:
        return json.loads(body)
    except ValueError:
        raise WorkerError("the model's answer is no JSON", type="BadModelAnswer", retryable=True) from None
