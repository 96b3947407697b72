"""The synchronous reference loop: one episode without ROS, tick by tick as in architecture.md.

The graph of nodes in lockstep makes the same steps for the same seed; a test holds the two
together. Whatever is decided here is decided by the objects that the nodes run too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from il_core.align import Aligner
from il_core.errors import InternalError, UserError
from il_core.spec import Spec
from il_core.types import (
    NS_PER_S,
    Command,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Outcome,
    Step,
)
from il_data.episode import Episode
from il_gating.core import GateCore
from il_loop.episodes import EpisodeSummary, summarise
from il_loop.memory import to_episode
from il_policy.api import Policy
from il_sim.api import World
from il_sim.stage import Stage
from il_teleop.api import JoyState, Operator, View

# For so long the world stands still before the episode starts, as it does in the graph while the
# nodes find each other: operator and mapper see what an idle robot looks like.
STILL_S = 0.5
# And this many horizons later somebody must have taken control.
PATIENCE = 10

Events = tuple[EpisodeEvent, ...]


class Mapper(Protocol):
    """Joystick to action; `il_teleop.joystick.JoystickMapper` is one."""

    def sync(self, command: Command) -> None:
        """Tell what was sent last."""

    def update(self, joy: JoyState) -> ExpertAction:
        """Return what the human does with this message."""


@dataclass(frozen=True, eq=False)
class Rollout:
    """One episode. `steps` run from the first command that is not HOLD to the end."""

    spec: Spec
    episode_id: str
    seed: int
    outcome: Outcome
    steps: tuple[Step, ...]

    def episode(self) -> Episode:
        """Return its columns, as if it had been recorded and read."""
        return to_episode(
            self.steps,
            self.spec,
            episode_id=self.episode_id,
            seed=self.seed,
            outcome=self.outcome,
        )

    def summary(self) -> EpisodeSummary:
        """Return owners, counts, switches and human seconds."""
        return summarise(self.episode())


class Loop:
    """The objects of one rollout after another; stamps go on over episodes, as in the graph.

    Args:
        policy: proposes at every tick; its `reset` is called before every episode.
        gate_core: decides; told of the start of every episode and, after it, of its end. Core,
            operator and mapper belong to one loop.
        operator: moves the joystick, and `mapper` reads it; without them there is no human.
    """

    def __init__(
        self,
        world: World,
        policy: Policy,
        gate_core: GateCore,
        operator: Operator | None = None,
        mapper: Mapper | None = None,
    ) -> None:
        if (operator is None) != (mapper is None):
            raise InternalError('an operator needs a mapper, and a mapper an operator')
        self._world, self._policy, self._core = world, policy, gate_core
        self._operator, self._mapper = operator, mapper
        self._aligner = Aligner(world.spec)
        self._stage = Stage(world, world.spec.period_ns)
        self._tick = 0
        self._last: Step | None = None

    def episode(self, seed: int, episode_id: str) -> Rollout:
        """Run one episode in the world, reset to `seed`.

        Raises:
            UserError: nobody ever took control (the gate does not start by itself, or the policy
                has no action); or what the world refuses.
        """
        self._stage.reset(seed)
        self._policy.reset()
        spec = self._world.spec
        for _ in range(round(STILL_S * spec.robot.rate_hz)):
            self._pass_tick(())
        started = EpisodeEvent(self._stage.stamp_ns, EventKind.STARTED, episode_id, seed)
        steps = tuple(self._steps(started))
        ended = EpisodeEvent(self._stage.stamp_ns, EventKind.ENDED, episode_id, seed)
        self._core.update(None, None, (ended,), self._stage.stamp_ns)
        return Rollout(spec, episode_id, seed, self._stage.outcome, steps)

    def _steps(self, started: EpisodeEvent) -> Iterator[Step]:
        events: Events = (started,)
        patience = PATIENCE * self._world.spec.horizon
        while not self._stage.over:
            step, notices = self._pass_tick(events)
            events = ()
            if self._stage.released:
                yield step
            for notice in notices:
                if notice.kind is EventKind.OUTCOME:
                    self._stage.outcome = notice.outcome
                    break
            patience -= not self._stage.released
            if patience < 0:
                raise self._idle(step)

    def _pass_tick(
        self, events: tuple[EpisodeEvent, ...]
    ) -> tuple[Step, tuple[EpisodeEvent, ...]]:
        """Do one tick, in the order of architecture.md, 'One tick'."""
        stage, last = self._stage, self._last
        now_ns = stage.stamp_ns
        for name, value in self._world.observe().items():
            self._aligner.push(name, now_ns, value)
        proposal = self._policy.propose(self._aligner.frame(self._tick, now_ns))
        expert = None
        if self._operator is not None and self._mapper is not None:
            advice = stage.supervisor()
            if last is None:
                view = View(advice)
            else:
                view = View(advice, last.state, last.command, last.proposal)
                self._mapper.sync(last.command)
            expert = self._mapper.update(self._operator.update(view, now_ns))
        out = self._core.update(proposal, expert, events, now_ns)
        if out.command is None:
            raise InternalError(f'no command at tick {self._tick}: {proposal.frame.fault}')
        step = Step(proposal, expert, out.state, out.command)
        stage.advance(out.command.action, out.command.mode)
        self._tick, self._last = self._tick + 1, step
        return step, out.notices

    def _idle(self, step: Step) -> UserError:
        seconds = PATIENCE * self._world.spec.horizon * self._world.spec.period_ns / NS_PER_S
        rule = f'nobody took control for {seconds:g} s: gate {step.state.gate}, '
        return UserError('episode', step.state.episode_id, rule + step.state.detail)
