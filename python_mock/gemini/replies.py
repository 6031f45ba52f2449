"""Answers as Gemini writes them, as objects."""

from .answering import count_tokens

METHODS = ("generateContent", "streamGenerateContent", "countTokens")
INPUT_TOKENS_MAX = 1_048_576
OUTPUT_TOKENS_MAX = 8192


def response(model, prompt, texts, finish):
    """finish: None for a piece that is not the last one."""
    candidates = []
    for index, text in enumerate(texts):
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": index}
        if finish is not None:
            candidate["finishReason"] = finish
        candidates.append(candidate)
    answered = sum(count_tokens(text) for text in texts)
    return {"candidates": candidates, "usageMetadata": _usage(prompt.tokens(), answered), "modelVersion": model}


def nothing(model, prompt, fault):
    """An answer without text: empty, or blocked."""
    reason = fault.values.get("reason", "SAFETY")
    message = {"usageMetadata": _usage(prompt.tokens(), 0), "modelVersion": model}
    if fault.kind == "empty":
        message["candidates"] = []
    elif fault.values.get("where", "prompt") == "prompt":
        message["promptFeedback"] = {"blockReason": reason}
    else:
        message["candidates"] = [{"finishReason": reason, "index": 0}]
    return message


def _usage(prompt_tokens, answer_tokens):
    total = prompt_tokens + answer_tokens
    return {"promptTokenCount": prompt_tokens, "candidatesTokenCount": answer_tokens, "totalTokenCount": total}


def counted(prompt):
    return {
        "totalTokens": prompt.tokens(),
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt.tokens()}],
    }


def described(model):
    return {
        "name": "models/" + model,
        "version": "001",
        "displayName": model,
        "description": "a stand-in",
        "inputTokenLimit": INPUT_TOKENS_MAX,
        "outputTokenLimit": OUTPUT_TOKENS_MAX,
        "supportedGenerationMethods": list(METHODS),
    }
