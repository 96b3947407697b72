"""What to record of a graph: which topics are required, at which rate, and which are special."""

from __future__ import annotations

from il_core.spec import Spec
from il_data.bag import Qos, Topic
from il_data.manifest import Expected
from il_data.recording import Recorded

EVENTS = 'episode/events'
# Topics that many nodes publish on, so that loss cannot be counted.
SHARED = (EVENTS, 'diagnostics', '/diagnostics')
# One message per tick from one node.
TICKED = ('policy/proposal', 'command')


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


def unwanted(name: str, spec: Spec) -> bool:
    """True for streams that nobody publishes unless asked (a camera that is off) or observes."""
    return any(s.topic == name and not s.fields for s in spec.streams)


def _rate_hz(name: str, spec: Spec) -> float:
    if name in TICKED:
        return spec.robot.rate_hz
    return next((s.rate_hz for s in spec.streams if s.topic == name), 0.0)
