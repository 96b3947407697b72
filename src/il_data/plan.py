"""What to record of a graph: which topics are required, at which rate, and which are special; and
how long to wait for them."""

from __future__ import annotations

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import NS_PER_S
from il_data.bag import Qos, Topic
from il_data.manifest import Expected
from il_data.recording import Recorded

EVENTS = 'episode/events'
# Topics that many nodes publish on, so that loss cannot be counted.
SHARED = (EVENTS, 'diagnostics', '/diagnostics')
# One message per tick from one node.
TICKED = ('policy/proposal', 'command')
# Nobody waits longer for an episode to start.
MAX_WAIT_S = 86_400.0


def recorded(
    name: str, resolved: str, msgtype: str, qos: Qos, spec: Spec, required: bool, lockstep: bool
) -> Recorded:
    """Plan one topic.

    Args:
        name: relative, as in the topic table.
        resolved: full name, with namespace and remaps.
        qos: what is offered.
        required: an episode does not start without it.
        lockstep: rates mean nothing then and are not judged.
    """
    rate_hz = 0.0 if lockstep else _rate_hz(name, spec)
    return Recorded(
        Topic(resolved, msgtype, qos),
        Expected(resolved, required, rate_hz),
        keep=qos.transient_local and name != EVENTS,
        shared=name in SHARED,
    )


def is_shared(resolved: str) -> bool:
    """True for the full name of a topic that many nodes publish on, in whatever namespace."""
    return any(f'/{resolved}'.endswith('/' + name.lstrip('/')) for name in SHARED)


def unwanted(name: str, spec: Spec) -> bool:
    """True for streams that nobody publishes unless asked (a camera that is off) or observes."""
    return any(s.topic == name and not s.fields for s in spec.streams)


def _rate_hz(name: str, spec: Spec) -> float:
    if name in TICKED:
        return spec.robot.rate_hz
    return next((s.rate_hz for s in spec.streams if s.topic == name), 0.0)


def deadline(wait_s: float, now_ns: int) -> int:
    """Return until when, on the clock of `now_ns`, somebody wants to wait. Raises UserError."""
    if not 0 <= wait_s <= MAX_WAIT_S:
        raise UserError('wait_s', wait_s, f'must be 0 to {MAX_WAIT_S:g} seconds')
    return now_ns + round(wait_s * NS_PER_S)
