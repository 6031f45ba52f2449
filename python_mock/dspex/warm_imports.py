"""What DSPy and LiteLLM would import in the first call to a model: done at the start instead, for all forked workers at
once. That is most of half a second for each of them, and memory that they share.

Measured, not guessed: the modules that came with the first call (dspy 3.4.1, litellm 1.106.2). A version that has one
of them no more misses nothing but time. None of them starts a thread: a template that has one forks no more.
"""

import importlib

_MODULES = (
    "dspy.clients.call_result",
    "dspy.clients.engines.streaming",
    "dspy.clients.execution",
    "dspy.adapters.json_adapter",
    "h11",
    "h2.connection",
    "httpcore",
    "litellm.integrations.generic_api.generic_api_callback",
    "litellm.litellm_core_utils.default_encoding",
    "litellm.litellm_core_utils.logging_callback_manager",
    "litellm.llms.fal_ai.cost_calculator",
    "litellm.llms.gemini.chat.transformation",
    "litellm.llms.openai_like.dynamic_config",
    "litellm.llms.vertex_ai.context_caching.vertex_ai_context_caching",
    "litellm.proxy._types",
    "litellm.proxy.openai_files_endpoints.common_utils",
    "tiktoken_ext.openai_public",
)


def import_what_the_first_call_needs():
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
