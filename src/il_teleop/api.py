"""What supplies the human's action: experts that look at a tick and move a joystick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from il_core.quick import quick
from il_core.registry import Registry
from il_core.types import Command, ExpertAction, GateState, Proposal


@quick
@dataclass(frozen=True, slots=True)
class JoyState:
    """The plain twin of sensor_msgs/Joy. Axes are rounded to float32 by whoever reads them, as on
    the wire."""

    stamp_ns: int
    axes: tuple[float, ...]
    buttons: tuple[int, ...]


@quick
@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What an operator can see at tick k.

    `supervisor` is the simulator's advice of tick k; `state`, `command` and `proposal` are those
    of tick k-1 (what the gate said, what was sent, what the policy wanted), None before any.
    """

    supervisor: ExpertAction
    state: GateState | None = None
    command: Command | None = None
    proposal: Proposal | None = None


class Operator(Protocol):
    """A scripted human: sees the supervisor's action and what happened last, moves a joystick.

    `continuous_labels`: engaged with an action at every tick, as `dagger` gates need it.
    """

    continuous_labels: bool

    def update(self, view: View, now_ns: int) -> JoyState:
        """Return the joystick at this tick, stamped as the supervisor's action."""


# name -> `module:Class`, built as Class.build(spec: Spec, joystick: JoystickMap, params: Mapping)
# -> Operator.
EXPERTS = Registry('expert', {'scripted': 'il_teleop.experts.scripted:ScriptedOperator'})
