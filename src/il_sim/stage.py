"""A world on its stage: when it stands still, when it runs, when it is over, and at what time."""

from __future__ import annotations

from il_core.types import NS_PER_S, ExpertAction, Mode, Outcome, Vector
from il_sim.api import World

# Lockstep, standing still: pause between two ticks, short for the first ones after a reset, while
# an episode is about to start; and patience for an answer that may have been lost because
# somebody was not connected yet. Once somebody answered, nothing gets lost.
STILL_NS = NS_PER_S // 250
IDLE_NS = NS_PER_S // 20
BRISK_TICKS = 100
FIRST_PATIENCE_NS = NS_PER_S // 10
PATIENCE_NS = NS_PER_S


class Stage:
    """Stamps and steps around a world.

    After `reset` the world stands still, with advancing stamps, until the first command whose
    mode is not HOLD. After an outcome it stands still until the next reset. Stamps never go back.

    Args:
        world: is owned from here on; `close` it through the stage.
        start_ns: stamp of the first tick.
        seed: the world is reset with it.
    """

    def __init__(self, world: World, start_ns: int, seed: int = 0) -> None:
        self.world, self.stamp_ns, self.seed = world, start_ns, seed
        self._period_ns = world.spec.period_ns
        self._stand(seed)

    def reset(self, seed: int) -> None:
        """Put the world into the initial state of `seed`, one period later."""
        self.stamp_ns += self._period_ns
        self._stand(seed)

    def advance(self, action: Vector | None, mode: Mode) -> Outcome:
        """Let one control period pass under (A,) `action`; None where there is none yet.

        Returns UNKNOWN while the episode goes on, and its outcome exactly once.

        Raises:
            UserError: the action has the wrong size or is not finite; no time passes then.
        """
        if action is not None and mode is not Mode.HOLD:
            self.released = True
        ended = Outcome.UNKNOWN
        if self.running and action is not None:
            ended = self.outcome = self.world.step(action)
            self.step += 1
        self.stamp_ns += self._period_ns
        return ended

    @property
    def running(self) -> bool:
        return self.released and self.outcome is Outcome.UNKNOWN

    @property
    def over(self) -> bool:
        return self.outcome is not Outcome.UNKNOWN

    def supervisor(self) -> ExpertAction:
        """Return what the world's own supervisor would do now, with the running seed and step; no
        action where the world has none."""
        has = self.world.has_supervisor
        return ExpertAction(
            self.stamp_ns,
            self.world.supervisor() if has else None,
            has,
            'supervisor',
            seed=self.seed,
            step=self.step,
        )

    def _stand(self, seed: int) -> None:
        self.world.reset(seed)
        self.seed, self.step = seed, 0
        self.released, self.outcome = False, Outcome.UNKNOWN


class Turns:
    """Who may go on: ticks granted while paused, and in lockstep the wait for an answer."""

    def __init__(self) -> None:
        self.granted: int | None = None
        self.answered, self.ever_answered = False, False
        self._since_ns, self._ticks = 0, 0

    def pause(self, granted: int) -> None:
        """Stop, after `granted` more ticks."""
        self.granted = granted

    def go_on(self) -> None:
        self.granted = None

    def take(self, now_ns: int) -> bool:
        """Use up one tick; False where none is granted."""
        if self.granted == 0:
            return False
        if self.granted is not None:
            self.granted -= 1
        self.answered, self._since_ns = False, now_ns
        self._ticks += 1
        return True

    def answer(self, now_ns: int) -> None:
        self.answered, self.ever_answered, self._since_ns = True, True, now_ns

    def interrupt(self, now_ns: int) -> None:
        """A reset came: nothing that was asked needs an answer any more."""
        self.answered, self._since_ns, self._ticks = True, now_ns, 0

    def due(self, now_ns: int, still: bool) -> bool:
        """Return whether the next tick must be started from outside the chain of answers."""
        waited_ns = now_ns - self._since_ns
        if self.answered:
            return waited_ns >= (STILL_NS if self._ticks < BRISK_TICKS else IDLE_NS)
        patience_ns = PATIENCE_NS if self.ever_answered else FIRST_PATIENCE_NS
        return still and waited_ns >= patience_ns
