"""Collect episodes for given seeds, on a running graph or on one started for the purpose."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from il_core.errors import UserError
from il_core.types import Mode
from il_ros import environment
from il_ros.bringup import Bringup
from il_ros.collected import Collected, missing_seeds, present
from il_ros.graph import graph
from il_ros.graph_args import GraphArgs
from il_ros.namespaces import check_namespace
from il_ros.parting import let_go
from il_ros.preflight import check_start
from il_ros.run import StopFlag
from il_ros.session import Interrupted, Session

LONGEST_STALL_S = 86_400.0
NUMBER = re.compile('[0-9]{1,20}')  # not what else Unicode calls a digit
MOST_SEEDS = 1_000_000
DISCARDS = 3  # an operator who discards the same seed so often means it


@dataclass(frozen=True)
class Plan:
    """What to collect: one finished episode per seed, in the run folder. `again`: also where
    there is one. An episode in which nobody acts for `stall_s` is given up.
    The rest is of a graph that runs already, as in `GraphArgs`.

    Raises:
        UserError: `stall_s` is out of range, or ROS takes no such namespace.
    """

    run: Path
    seeds: tuple[int, ...]
    operator: str = ''
    namespace: str = ''
    again: bool = False
    stall_s: float = 20.0
    simulated: bool = True
    hosts: str = 'one'

    def __post_init__(self) -> None:
        if not 0.1 <= self.stall_s <= LONGEST_STALL_S:
            raise UserError('stall', self.stall_s, f'must be 0.1 to {LONGEST_STALL_S:g} s')
        check_namespace(self.namespace)

    def todo(self) -> list[int]:
        return list(self.seeds) if self.again else missing_seeds(self.seeds, self.run)


@dataclass(frozen=True)
class Report:
    """What there is now: an episode per seed, in the order of the seeds; `lacking`: seeds without
    one that counts (`il_core.types.is_finished`)."""

    episodes: tuple[Collected, ...]
    lacking: tuple[int, ...]

    @property
    def complete(self) -> bool:
        return not self.lacking

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        data = {
            'complete': self.complete,
            'lacking': self.lacking,
            'episodes': [asdict(e) for e in self.episodes],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=1) + '\n')


class Watch:
    """What collecting tells whoever watches; does nothing by itself."""

    def waiting(self, names: list[str]) -> None:
        """The graph that should be running is not complete: these are missing."""

    def step(self, seed: int, step: int) -> None:
        """An episode is at this step."""

    def holding(self, seed: int, mode: Mode) -> None:
        """The robot stands until a human takes over or lets the policy begin (HOLD), or resets
        the emergency stop (ESTOP)."""

    def done(self, episode: Collected) -> None:
        """An episode is finished and recorded."""


def collect(plan: Plan, args: GraphArgs | None = None, watch: Watch | None = None) -> Report:
    """Collect what is missing. Whoever calls it ends with `parting.parted`.

    Args:
        plan: run folder and seeds.
        args: start this graph for the duration; None: use the one that is running.
        watch: is told how it goes.

    Raises:
        UserError: the graph is not there, refuses, stalls, records into another run folder, or
            one of its nodes is configured wrongly.
    """
    todo, watch = plan.todo(), watch or Watch()
    new: dict[int, Collected] = {}
    if todo:
        environment.use_transport(hosts=(args or plan).hosts)
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        stop, nodes = StopFlag(), list[Node]()
        try:
            with _graph(args, plan.run, stop) as look:
                session = _session(plan, args, look)
                nodes.append(session.node)
                session.wait_for_graph(waiting=watch.waiting if args is None else _silent)
                for seed in todo:
                    new[seed] = _one(session, seed, plan.operator, watch)
        except Interrupted:
            return _report(plan, new)
        finally:
            let_go(nodes)
    return _report(plan, new)


def _session(plan: Plan, args: GraphArgs | None, look: Callable[[], None]) -> Session:
    there = args or plan
    one_disk = there.hosts == 'one'
    return Session(plan.run, look, plan.stall_s, there.simulated, there.namespace, one_disk)


def _silent(names: list[str]) -> None:
    """A graph that is being started takes its time."""


def _one(session: Session, seed: int, operator: str, watch: Watch) -> Collected:
    for _ in range(DISCARDS):
        episode = session.episode(
            seed, operator, partial(watch.step, seed), partial(watch.holding, seed)
        )
        if not episode.discarded:
            watch.done(episode)
            return episode
    raise UserError('seed', seed, f'was discarded {DISCARDS} times')


def _report(plan: Plan, new: dict[int, Collected]) -> Report:
    counted = present(plan.run)
    episodes = {**({} if plan.again else counted), **new}
    found = {seed: episodes[seed] for seed in plan.seeds if seed in episodes}
    ids = {episode.episode_id for episode in counted.values()}
    if plan.hosts == 'many':  # the recorder may write elsewhere: what it said is all there is
        ids |= {episode.episode_id for episode in new.values() if episode.counts}
    lacking = [s for s in plan.seeds if s not in found or found[s].episode_id not in ids]
    return Report(tuple(found.values()), tuple(lacking))


@contextmanager
def _graph(args: GraphArgs | None, run: Path, stop: StopFlag) -> Iterator[Callable[[], None]]:
    """Start a graph (where asked to) and yield a function that looks after it and after Ctrl-C."""
    if args is None:
        yield lambda: _check(stop, None)
        return
    nodes = graph(args)
    check_start(args, nodes)
    run.mkdir(parents=True, exist_ok=True)
    with (run / 'graph.log').open('a') as log:
        tail = _Tail(log.write)
        bringup = Bringup(nodes, tail)
        bringup.start()
        try:
            yield lambda: _check(stop, bringup, tail)
        finally:
            bringup.stop()


def _check(stop: StopFlag, bringup: Bringup | None, tail: _Tail | None = None) -> None:
    if stop.is_set:
        raise Interrupted
    code = bringup.poll() if bringup else None
    if code is not None:
        last = tail.error if tail else ''
        raise UserError('graph', f'exit code {code}', last or 'ended by itself, see graph.log')


class _Tail:
    """Writes what nodes say into a file, and remembers the last error."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write, self.error = write, ''

    def __call__(self, name: str, line: str) -> None:
        self._write(f'{name} | {line}\n')
        if 'ERROR' in line:
            self.error = f'{name}: {line}'


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return seeds of `1,5,10-13`. Raises UserError."""
    seeds: list[int] = []
    for part in text.split(','):
        first, dash, last = part.partition('-')
        if not all(NUMBER.fullmatch(word) for word in ([first, last] if dash else [first])):
            raise UserError('seeds', part, 'must look like 1,5,10-13')
        low, high = int(first), int(last or first)
        if high < low:
            raise UserError('seeds', part, f'must go up, as in {last}-{first}')
        if high >= 2**64 or high - low >= MOST_SEEDS:
            rule = f'must be below 2**64, and at most {MOST_SEEDS} in a row'
            raise UserError('seeds', part, rule)
        seeds += range(low, high + 1)
    return tuple(dict.fromkeys(seeds))
