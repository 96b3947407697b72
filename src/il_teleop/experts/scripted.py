"""A scripted human: moves a virtual joystick as the task's supervisor would act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from il_core.noise import deviations
from il_core.spec import Spec
from il_core.structure import structure
from il_core.types import Mode, Vector
from il_teleop.api import JoyState, View
from il_teleop.experts.config import ScriptedConfig, Style
from il_teleop.experts.wish import Attention, Reaction, make_wish
from il_teleop.hand import JoystickWriter
from il_teleop.mapping import JoystickMap

# First word of the seed of its noise, so that no other consumer of (seed, step) draws the same.
NOISE = 0x6F70  # 'op'


class ScriptedOperator:
    """Move the joystick by the inverse mapping of the supervisor's action.

    Holds and releases the dead-man as its style says, and presses nothing else. While it is not
    engaged, or the supervisor has no action, the sticks rest. A supervisor that fell silent is not
    noticed here: no view, no update. Every episode begins with hands off, so that nothing is left
    over from the one before.

    Args:
        spec: gives the action axes.
        joystick: the layout whose inverse it plays; whoever reads must use the same.
        config: when it engages, how late, how noisily, for how long.
    """

    def __init__(self, spec: Spec, joystick: JoystickMap, config: ScriptedConfig) -> None:
        self.config = config
        self.continuous_labels = config.style is Style.ALWAYS
        self._hand = JoystickWriter(joystick, spec)
        self._wish = make_wish(spec, config)
        self._attention = Attention(config.attention_s)
        self._reaction = Reaction(0.0 if self.continuous_labels else config.reaction_s)
        self._scale = deviations(spec, config.noise)
        self._low, self._high = spec.low, spec.high

    @classmethod
    def build(
        cls, spec: Spec, joystick: JoystickMap, params: Mapping[str, Any]
    ) -> ScriptedOperator:
        """Build from plain parameters, the keys of `ScriptedConfig`. Raises UserError."""
        return cls(spec, joystick, structure(ScriptedConfig, params, 'operator'))

    def update(self, view: View, now_ns: int) -> JoyState:
        """Return the joystick at this tick, stamped as the supervisor's action."""
        if view.command is not None:
            self._hand.sync(view.command)
        if at_start(view):
            self._reaction.engaged = False
            self._attention.begin()
        wish = self._wish.update(view, self._reaction.engaged)
        wish = self._attention.left(view, now_ns) and wish
        engaged = self._reaction.follow(wish, now_ns)
        supervisor = view.supervisor
        if not engaged or supervisor.action is None:
            return self._hand.write(None, False, supervisor.stamp_ns)
        action = self._noisy(supervisor.action, supervisor.seed, supervisor.step)
        return self._hand.write(action, True, supervisor.stamp_ns)

    def _noisy(self, action: Vector, seed: int, step: int) -> Vector:
        """Add noise that depends on nothing but the episode's seed and step."""
        if not self.config.noise:
            return action
        rng = np.random.default_rng((NOISE, seed, step))
        noisy: Vector = action + rng.standard_normal(action.shape) * self._scale
        return noisy.clip(self._low, self._high)


def at_start(view: View) -> bool:
    """True where the world still waits for the episode's first command."""
    return view.supervisor.step == 0 and (view.state is None or view.state.mode is Mode.HOLD)
