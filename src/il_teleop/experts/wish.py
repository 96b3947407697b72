"""When a scripted operator wants to be at the controls, and how late its hand follows."""

from __future__ import annotations

from typing import Protocol

from il_core.distance import Distance
from il_core.spec import Spec
from il_core.types import NS_PER_S, Mode, Vector
from il_teleop.api import View
from il_teleop.experts.config import ScriptedConfig, Style


class Wish(Protocol):
    """Says at every tick whether the operator wants to be engaged."""

    def update(self, view: View, engaged: bool) -> bool:
        """Return the wish at this tick. `engaged`: its hand is now."""


class Always:
    """At every tick."""

    def update(self, view: View, engaged: bool) -> bool:
        return True


class OnRequest:
    """From the gate's request on, while the human owns, until the gate is ready to hand back."""

    def update(self, view: View, engaged: bool) -> bool:
        if view.state is None:
            return False
        if view.state.mode is Mode.SUPERVISOR:
            return not view.state.hand_back_ready
        return view.state.mode is Mode.REQUESTING


class OwnJudgement:
    """Watches what the policy wants: takes over after a run of ticks with a large distance to its
    own action, lets go after a run with a small one. What a gate asked for ends when the gate is
    ready for it, too.

    The distance at tick k is of the proposal and the supervisor's action of tick k-1, the last
    that both are known of: the view carries the former, this object keeps the latter.
    """

    def __init__(self, spec: Spec, config: ScriptedConfig) -> None:
        self._config = config
        self._distance = Distance(spec.axes)
        self._own: Vector | None = None
        self._far = self._near = 0
        self._called = False

    def update(self, view: View, engaged: bool) -> bool:
        self._watch(view)
        self._own = view.supervisor.action
        if view.state is None or view.state.mode in (Mode.HOLD, Mode.ESTOP, Mode.UNKNOWN):
            self._far = self._near = 0
            return False
        mode = view.state.mode
        if mode is not Mode.SUPERVISOR:
            self._called = mode is Mode.REQUESTING
        needed = self._called and not view.state.hand_back_ready
        if engaged:
            return needed or self._near < self._config.release_ticks
        self._near = 0  # agreement from before it drove does not count
        return needed or self._far >= self._config.takeover_ticks

    def _watch(self, view: View) -> None:
        proposal = view.proposal
        if proposal is None or proposal.mean is None or proposal.fault or self._own is None:
            self._far = self._near = 0
            return
        distance = self._distance(proposal.mean, self._own)
        self._far = self._far + 1 if distance > self._config.takeover_distance else 0
        self._near = self._near + 1 if distance < self._config.release_distance else 0


class Reaction:
    """A hand that follows a wish after `reaction_s` in which the wish did not change."""

    def __init__(self, reaction_s: float) -> None:
        self._reaction_ns = round(reaction_s * NS_PER_S)
        self._since_ns: int | None = None
        self.engaged = False

    def follow(self, wish: bool, now_ns: int) -> bool:
        """Return whether the hand is engaged now."""
        if wish == self.engaged:
            self._since_ns = None
            return self.engaged
        if self._since_ns is None:
            self._since_ns = now_ns
        if now_ns - self._since_ns >= self._reaction_ns:
            self.engaged, self._since_ns = wish, None
        return self.engaged


class Attention:
    """Seconds at the controls that are left in this episode.

    Args:
        budget_s: at its beginning; 0: no bound.
    """

    def __init__(self, budget_s: float) -> None:
        self._budget_ns, self._spent_ns = round(budget_s * NS_PER_S), 0
        self._drove_ns: int | None = None

    def begin(self) -> None:
        """An episode begins."""
        self._spent_ns, self._drove_ns = 0, None

    def left(self, view: View, now_ns: int) -> bool:
        """Return whether some is left at this tick; time counts while the human drives."""
        drives = view.state is not None and view.state.mode is Mode.SUPERVISOR
        if drives and self._drove_ns is not None:
            self._spent_ns += now_ns - self._drove_ns
        self._drove_ns = now_ns if drives else None
        return not self._budget_ns or self._spent_ns < self._budget_ns


def make_wish(spec: Spec, config: ScriptedConfig) -> Wish:
    """Return the wish of `config.style`."""
    if config.style is Style.OWN_JUDGEMENT:
        return OwnJudgement(spec, config)
    return Always() if config.style is Style.ALWAYS else OnRequest()
