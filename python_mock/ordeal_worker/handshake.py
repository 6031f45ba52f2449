"""What host and worker agree on in the start-up ping (id 0).

Invariants:
* Nothing is agreed that the host did not offer. A host that offers nothing has a plain DSPex bridge before it.
* An offer that cannot be understood is no offer; unknown capabilities and members are passed over.
"""

PROTOCOL = 1
CAPABILITIES = frozenset(("cancel", "context", "error_object", "progress", "stack_dump", "heartbeat", "session"))


class Terms:
    """The outcome of the handshake, as flags that are cheap to ask."""

    __slots__ = ("protocol", "capabilities", "cancel", "context", "error_object", "progress", "heartbeat_s", "spin_us")

    def __init__(self, protocol, capabilities, heartbeat_s=None, spin_us=None):
        self.protocol = protocol
        self.capabilities = capabilities
        self.cancel = "cancel" in capabilities
        self.context = "context" in capabilities
        self.error_object = "error_object" in capabilities
        self.progress = "progress" in capabilities
        self.heartbeat_s = heartbeat_s  # None: the host does not listen for beats.
        self.spin_us = spin_us  # None: the host does not want it.


PLAIN = Terms(None, ())


def negotiate(offer, manner="1", extra_capabilities=(), can_beat=False, session_in_args=True):
    """(terms, answer) for the `ordeal` member of a ping; the answer is None where the worker stays plain.

    manner is "none" for a worker that knows nothing of this, "2" for one that insists on protocol 2.
    can_beat: there is a side channel; without it no heartbeat is promised.
    session_in_args: the bridge looks for the session there; else its requests say it in their context alone.
    extra_capabilities are claimed without having been offered: a worker that breaks the rules, for tests.
    """
    if manner == "none" or not isinstance(offer, dict):
        return PLAIN, None
    offered = offer.get("protocol")
    if type(offered) is not int or offered < 1:
        return PLAIN, None
    protocol = 2 if manner == "2" else min(PROTOCOL, offered)
    agreed = CAPABILITIES.intersection(_names(offer.get("capabilities")))
    heartbeat_s = _heartbeat_s(offer.get("heartbeat_ms")) if can_beat and "heartbeat" in agreed else None
    if heartbeat_s is None:
        agreed = agreed - {"heartbeat"}
    if session_in_args or "context" not in agreed:
        agreed = agreed - {"session"}
    answer = {
        "protocol": protocol,
        "capabilities": sorted(agreed.union(extra_capabilities)),
        "slots": 1,
    }
    return Terms(protocol, agreed, heartbeat_s, _spin_us(offer.get("spin_us"))), answer


def _heartbeat_s(milliseconds):
    """The pace that the host asks for; None if it makes no sense."""
    if type(milliseconds) not in (int, float) or not 1 <= milliseconds <= 24 * 3600 * 1000:
        return None
    return milliseconds / 1000.0


def _spin_us(microseconds):
    """How long the host wants this worker to look for its next request; None if it makes no sense."""
    if type(microseconds) is not int or not 1 <= microseconds <= 10_000:
        return None
    return microseconds


def _names(capabilities):
    if not isinstance(capabilities, list):
        return ()
    return [name for name in capabilities if isinstance(name, str)]
