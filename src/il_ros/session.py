"""Run episodes on a graph that is up: reset, start, wait for the end, again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from interactive_il.srv import ResetSim, StartEpisode, StopEpisode
from rclpy.experimental import EventsExecutor
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_core.types import FAULTS, Cause, EpisodeEvent, EventKind, GateState, Mode, is_finished
from il_ros.collected import Collected, bags_of, check_folder, check_recorded, recorder_folder
from il_ros.messages import event_from_msg, state_from_msg
from il_ros.topics import TOPICS, create_subscription

READY_S = 10.0
ANSWER_S = 5.0
TELL_S = 2.0  # after so long whoever waits is told what for
SPIN_S = 0.02
GONE = 'was there and is gone; is `il run` still up?'
MOVING = (Mode.AUTONOMOUS, Mode.SUPERVISOR, Mode.REQUESTING)


def reason_of(episode_id: str, events: Sequence[EpisodeEvent]) -> str:
    """Return why an episode came to its outcome, in the words of who ended it: the first OUTCOME
    after its start, which names no episode. Empty where nobody said."""
    kinds = [(event.kind, event.episode_id) for event in events]
    start = (EventKind.STARTED, episode_id)
    since = events[kinds.index(start) :] if start in kinds else ()
    return next((event.detail for event in since if event.kind is EventKind.OUTCOME), '')


class Interrupted(Exception):
    """Somebody asked to stop; the running episode is discarded, finished ones stay."""


class Session:
    """Talks to simulator, recorder and gate. Needs rclpy to be up; one per process.

    Args:
        run: the run folder that the recorder writes into.
        look: called often while waiting; what it raises ends the wait.
        stall_s: an episode in which nobody acts for so long is given up. On a robot a gate that
            holds until a human begins, is back at his joystick, or resets the emergency stop, is
            none: he may be putting the scene in order.
        simulated: there is a simulator to reset.
        namespace: of the graph's nodes.
        one_disk: the recorder writes on this computer's disk; false leaves out to check that it
            writes into `run`.

    Attributes:
        node: speaks with the graph.
    """

    def __init__(
        self,
        run: Path,
        look: Callable[[], None] = lambda: None,
        stall_s: float = 20.0,
        simulated: bool = True,
        namespace: str = '',
        one_disk: bool = True,
    ) -> None:
        self._run, self._look, self._stall_s = run, look, stall_s
        self._one_disk, self._recorder_folder = one_disk, ''
        self._simulated = simulated
        self.node = rclpy.create_node('collector', namespace=namespace)
        self._executor = EventsExecutor()
        self._executor.add_node(self.node)
        self._events: list[EpisodeEvent] = []
        self._gate: GateState | None = None
        self._sees = False  # the gate has had a proposal: before, it would not begin an episode
        self._step_changed_s = 0.0
        create_subscription(self.node, TOPICS['episode/events'], self._on_event)
        create_subscription(self.node, TOPICS['gate/status'], self._on_status)
        self._clients = {
            name: self.node.create_client(kind, name)
            for name, kind in (
                ('sim/reset', ResetSim),
                ('episode/start', StartEpisode),
                ('episode/stop', StopEpisode),
                ('episode/discard', Trigger),
            )
            if simulated or name != 'sim/reset'
        }

    def wait_for_graph(
        self, limit_s: float = 60.0, waiting: Callable[[list[str]], None] = lambda names: None
    ) -> None:
        """Wait until everybody that an episode needs is there.

        Args:
            limit_s: give up after so long.
            waiting: told once what is missing, where that takes a while.

        Raises:
            UserError: names who is not there; or the recorder writes into another run folder.
        """

        def missing() -> list[str]:
            silent = [] if self._sees else ['gate/status with an observation']
            return silent + [n for n, c in self._clients.items() if not c.service_is_ready()]

        soon_s = min(TELL_S, limit_s)
        if not self._spin(lambda: not missing(), soon_s):
            waiting(missing())
            if not self._spin(lambda: not missing(), limit_s - soon_s):
                rule = f'not there after {limit_s:g} s; is `il run` up?'
                raise UserError('graph', missing(), rule)
        if self._one_disk:
            self._recorder_folder = recorder_folder(self.node, self._spin)
            check_folder(self._recorder_folder, self._run)

    def episode(
        self,
        seed: int,
        operator: str = '',
        progress: Callable[[int], None] = lambda step: None,
        holding: Callable[[Mode], None] = lambda mode: None,
    ) -> Collected:
        """Run one episode and wait until its bag is closed.

        Args:
            seed: of the initial state; is in the manifest.
            operator: who is at the controls, for the manifest.
            progress: called with the step of the episode.
            holding: called with HOLD while the gate waits for a human to begin, with ESTOP while
                he has stopped the robot.

        Raises:
            UserError: somebody refused, or the graph stalled; the episode is discarded then. Or
                it was recorded elsewhere than in the run folder.
        """
        self._hold()
        if self._simulated:
            self._reset(seed)
        request = StartEpisode.Request(seed=seed, operator_name=operator, wait_s=READY_S)
        with self._undisturbed():  # an episode that was started must be known, to be ended
            episode_id = self._call('episode/start', request, READY_S + ANSWER_S).episode_id
        self._step_changed_s = time.monotonic()
        try:
            self._wait_for_end(episode_id, progress, holding)
        except BaseException:
            self._give_up(episode_id)
            raise
        return self._result(episode_id, seed)

    def _reset(self, seed: int) -> None:
        """Reset the simulator; in lockstep it refuses until it hears the gate."""
        end_s = time.monotonic() + READY_S
        while True:
            try:
                self._call('sim/reset', ResetSim.Request(seed=seed))
                return
            except UserError:
                if time.monotonic() > end_s:
                    raise
            self._spin(lambda: False, SPIN_S)

    def _hold(self) -> None:
        """Wait until the gate let go of the last episode, or it would drive through the reset."""
        if self._spin(lambda: self._gate is not None and not self._gate.episode_id, ANSWER_S):
            return
        if self._gate is None or not self.node.count_publishers('gate/status'):
            raise UserError('graph', ['gate/status'], GONE)
        rule = 'is running already: `il call episode/stop outcome=failure` or `episode/discard`'
        raise UserError('episode', self._gate.episode_id, rule)

    def _wait_for_end(
        self, episode_id: str, progress: Callable[[int], None], holding: Callable[[Mode], None]
    ) -> None:
        shown = None

        def ended() -> bool:
            nonlocal shown
            gate = self._gate if self._gate and self._gate.episode_id == episode_id else None
            if gate and self._waits_for_a_human(gate):
                holding(gate.mode)
            elif gate and gate.mode in MOVING and gate.step != shown:
                shown = gate.step
                progress(shown)
            if time.monotonic() - self._step_changed_s > self._stall_s:
                raise UserError('episode', episode_id, self._why_stalled())
            return bool(self._of(episode_id, EventKind.ENDED))

        while not self._spin(ended, self._stall_s):
            self._look()

    def _why_stalled(self) -> str:
        gate = self._gate
        state = f'{gate.mode.name}, {gate.cause.name}: {gate.detail}' if gate else 'silent'
        return f'nobody acted for {self._stall_s:g} s; the gate is {state}'

    def _give_up(self, episode_id: str) -> None:
        if self._of(episode_id, EventKind.ENDED) or not rclpy.ok():
            return
        try:
            with self._undisturbed():
                self._call('episode/discard', Trigger.Request())
        except UserError as error:
            self.node.get_logger().error(f'could not discard {episode_id}: {error}')

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Wait for an answer whatever else happens."""
        look, self._look = self._look, lambda: None
        try:
            yield
        finally:
            self._look = look

    def _result(self, episode_id: str, seed: int) -> Collected:
        (event,) = self._of(episode_id, EventKind.ENDED)
        discarded = bool(self._of(episode_id, EventKind.DISCARDED))
        if self._one_disk and not discarded:
            check_recorded(episode_id, self._recorder_folder, self._run)
        verdict = event.detail.partition(';')[0]
        counts = is_finished(verdict, event.outcome, reason_of(episode_id, self._events))
        return Collected(
            episode_id,
            str(bags_of(self._run) / episode_id),
            seed,
            event.outcome.name.lower(),
            verdict,
            discarded,
            counts,
        )

    def _of(self, episode_id: str, kind: EventKind) -> list[EpisodeEvent]:
        return [e for e in self._events if e.episode_id == episode_id and e.kind is kind][-1:]

    def _on_event(self, message: Any) -> None:
        self._events.append(event_from_msg(message))
        del self._events[:-200]

    def _on_status(self, message: Any) -> None:
        state = state_from_msg(message)
        stepped = state.mode in MOVING and (self._gate is None or state.step != self._gate.step)
        if stepped or self._waits_for_a_human(state):
            self._step_changed_s = time.monotonic()
        self._gate = state
        # In lockstep nothing ticks after an episode: a gate that ever did has seen.
        self._sees |= state.tick > 0 or not math.isnan(state.observation_age_s)

    def _waits_for_a_human(self, state: GateState) -> bool:
        """On a robot nothing begins by itself, and the emergency stop is his. Nor where he asked
        without the dead-man, or his joystick went: the gate says how long that may last."""
        missed = state.cause is Cause.STALE_JOYSTICK or state.cause not in FAULTS
        return state.mode in (Mode.HOLD, Mode.ESTOP) and missed and not self._simulated

    def _call(self, name: str, request: Any, limit_s: float = ANSWER_S) -> Any:
        client = self._clients[name]
        future = client.call_async(request)
        if not self._spin(future.done, limit_s):
            rule = f'no answer within {limit_s:g} s' if client.service_is_ready() else GONE
            raise UserError('service', name, rule)
        answer = future.result()
        if not answer.success:
            raise UserError('service', name, f'refused: {answer.message}')
        return answer

    def _spin(self, until: Callable[[], bool], limit_s: float) -> bool:
        end_s = time.monotonic() + limit_s
        while not until():
            if time.monotonic() > end_s:
                return False
            self._look()
            self._executor.spin_once(SPIN_S)
        return True
