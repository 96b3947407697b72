"""One cell of gates.py: one method, one seed, from demonstrations to both evaluations.

    python benchmarks/gates_cell.py thrifty 0 --folder /tmp/cells

30 demonstrations, BC (round 0), then rounds of 2000 steps with the gate, each followed by
retraining from scratch and refitting; 100 episodes alone and 100 with the gate and the human. Then
100 alone of a policy from the demonstrations and no more than the first --equal labels after them:
what the method is worth where every method gets as many.
Everything in `il_loop.rollout`, or with --graph over ROS topics in lockstep, on one thread.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from gates_methods import METHODS, Method
from gates_numbers import asked, drove

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.types import NS_PER_S
from il_data.dataset import Columns, labels
from il_data.episode import Episode
from il_loop.cast import ALONE, Cast, make_loop
from il_loop.episodes import EpisodeSummary, summarise
from il_loop.fits import PROBED
from il_loop.probe import alone
from il_loop.rounds import RoundConfig, make_round
from il_loop.run_folder import RunFolder
from il_policy import bc
from il_policy.api import Policy
from il_policy.critic import CriticConfig
from il_sim.api import World, make_world

STRIDE = 1_000_000  # seeds of one seed
COLLECT, EVALUATE, AIDED, PROBE = 100_000, 500_000, 600_000, 700_000
ROUND = 10_000  # seeds of one round
# Beyond these a policy would be judged on seeds that it has learned from.
RANGES = {
    'demos': (1, COLLECT),
    'rounds': (1, (EVALUATE - COLLECT) // ROUND),
    'evaluations': (1, AIDED - EVALUATE),
}


@dataclass(frozen=True)
class Sizes:
    """How much of everything. Raises UserError where there are not enough seeds for it."""

    demos: int = 30
    rounds: int = 4
    steps: int = 2000
    probes: int = 10
    evaluations: int = 100
    equal: int = 500
    epochs: float = 200.0
    critic_steps: int = CriticConfig().steps

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise UserError(f'--{name}', getattr(self, name), f'must be {least} to {most}')


class Clock:
    """Adds up wall seconds by purpose."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begin = time.monotonic()

    @contextmanager
    def on(self, what: str) -> Any:
        begin = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - begin
            self.seconds[what] = self.seconds.get(what, 0.0) + took

    def all(self) -> dict[str, float]:
        return {**self.seconds, 'all': time.monotonic() - self._begin}


@dataclass(frozen=True, eq=False)
class Learned:
    """A policy in the making: of which round, from how many labels, from which episodes, and those
    among them that are new."""

    number: int
    labels: int
    episodes: Sequence[Episode]
    fresh: Sequence[Episode]


@dataclass
class Cell:
    """One run in the making."""

    method: Method
    seed: int
    sizes: Sizes
    world: World
    run: RunFolder
    clock: Clock

    @property
    def base(self) -> int:
        return STRIDE * (self.seed + 1)

    @property
    def config(self) -> RoundConfig:
        return RoundConfig(
            bc.BcConfig(epochs=self.sizes.epochs),
            self.method.gate,
            self.method.alpha,
            CriticConfig(steps=self.sizes.critic_steps),
            weighting=self.method.weighting,
            seed=self.seed,
            probes=self.sizes.probes,
        )

    def play(
        self, cast: Cast, seeds: range, checkpoint: Path | None = None, steps: int = 0
    ) -> list[Episode]:
        """Run an episode per seed; with `steps`, until so many are full."""
        loop, found = make_loop(self.world, cast, checkpoint), list[Episode]()
        for seed in seeds:
            found.append(loop.episode(seed, f'seed_{seed}').episode())
            if steps and sum(map(len, found)) >= steps:
                break
        return found

    def demonstrate(self, count: int, before: int = 0) -> list[Episode]:
        """Return so many demonstrations, after those `before`."""
        first = self.base + before
        with self.clock.on('demonstrations'):
            return self.play(self.method.demonstrate, range(first, first + count))

    def train(self, episodes: Sequence[Episode], number: int) -> int:
        """Make a round and return its labels."""
        first = self.base + PROBE + 1000 * number

        def probe(policy: Policy) -> Sequence[Episode]:
            with self.clock.on('probes'):
                return alone(self.world, policy, range(first, first + self.sizes.probes))

        probed = self.method.gate in PROBED
        with self.clock.on('training'):
            made = make_round(self.run, episodes, self.config, probe=probe if probed else None)
        return made.labels

    def collect(self, number: int) -> list[Episode]:
        """Run episodes with the gate until a round's steps are full."""
        first = self.base + COLLECT + ROUND * number
        with self.clock.on('collection'):
            seeds, checkpoint = range(first, first + ROUND), self.run.checkpoint(number)
            return self.play(self.method.cast(), seeds, checkpoint, self.sizes.steps)

    def rounds(self) -> Iterator[Learned]:
        """Yield what a policy was made from: the demonstrations, then every round that its gate
        collected as well."""
        episodes = fresh = self.demonstrate(self.sizes.demos)
        yield Learned(0, self.train(episodes, 0), episodes, fresh)
        for number in range(self.sizes.rounds if self.method.gate else 0):
            fresh = self.collect(number)
            episodes = [*episodes, *fresh]
            yield Learned(number + 1, self.train(episodes, number + 1), episodes, fresh)

    def evaluate(
        self, cast: Cast, first: int, checkpoint: Path, clock: str = 'evaluation'
    ) -> list[EpisodeSummary]:
        with self.clock.on(clock):
            seeds = range(self.base + first, self.base + first + self.sizes.evaluations)
            return [summarise(e) for e in self.play(cast, seeds, checkpoint)]

    def clone(self, rows: Columns, clock: str = 'training') -> Path:
        """Clone from these rows alone, as every round does."""
        out = self.run.path / 'equal'
        with self.clock.on(clock):
            return bc.train(rows, self.world.spec, self.config.bc, seed=self.seed, out=out)

    def keep(self, episodes: Sequence[Episode], first: int, path: Path) -> None:
        """Write all labels, in the order in which they were given; the `first` are of the
        demonstrations."""
        rows = labels(episodes, self.config.labelled).columns
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, demonstrated=first, **vars(rows))

    def alike(self, episodes: Sequence[Episode], count: int) -> dict[str, Any]:
        """Return what a policy from the first `count` labels reaches alone."""
        rows = labels(episodes, self.config.labelled).columns[:count]
        checkpoint = self.clone(rows, 'equal')
        return {'labels': len(rows), **won(self.evaluate(ALONE, EVALUATE, checkpoint, 'equal'))}


def gated(cell: Cell, keep: Path | None = None) -> dict[str, Any]:
    """Run a method with a gate (or cloning alone, which has no rounds); `keep`: file for its
    labels."""
    demos, *rounds = cell.rounds()
    last = rounds[-1] if rounds else demos
    if keep:
        cell.keep(last.episodes, demos.labels, keep)
    checkpoint = cell.run.checkpoint(last.number)
    out: dict[str, Any] = {
        'labels': last.labels,
        'autonomous': won(cell.evaluate(ALONE, EVALUATE, checkpoint)),
    }
    if cell.method.gate:
        helped = cell.evaluate(cell.method.cast(**cell.method.aided), AIDED, checkpoint)
        collected = [[summarise(e) for e in r.fresh] for r in rounds]
        out |= {'aided': won(helped), **cost([s for r in collected for s in r])}
        out['rounds'] = [round_row(r) for r in collected]
        out['thresholds'] = [dict(r.gate.get('thresholds', {})) for r in cell.run.rounds()]
    if cell.method.weighting:  # the policy's own steps are rows, too, and no labels of the human
        out['human_labels'] = len(labels(last.episodes).columns)
    elif cell.sizes.equal:
        limit = demos.labels + cell.sizes.equal
        given = last.episodes if rounds else demonstrations(cell, limit)
        out['equal'] = cell.alike(given, limit)
    return out


def equal(cell: Cell, folder: Path) -> dict[str, Any]:
    """Clone from as many labels as `thrifty` had with this seed, all of them demonstrations."""
    count = json.loads((folder / f'thrifty_{cell.seed}.json').read_text())['labels']
    out = cell.clone(labels(demonstrations(cell, count)).columns[:count])
    return {'labels': count, 'autonomous': won(cell.evaluate(ALONE, EVALUATE, out))}


def demonstrations(cell: Cell, count: int) -> list[Episode]:
    """Return at least so many labels of demonstrations; the first are those of the other cells."""
    demos: list[Episode] = []
    while sum(len(e) for e in demos) < count:
        demos += cell.demonstrate(10, len(demos))
    return demos


def matched(method: Method, seed: int, folder: Path) -> Method:
    """Return a method that asks at the rate of its model, for the ticks that its human stayed on
    average; the end of an episode cuts these, too."""
    if not method.matched:
        return method
    model = json.loads((folder / f'{method.matched}_{seed}.json').read_text())
    human, called = (sum(map(of, model['rounds'])) for of in (drove, asked))
    duration = max(round(human / max(called, 1)), 1)
    return replace(method, params={'rate': model['switch_rate'], 'duration': duration})


def won(episodes: Sequence[EpisodeSummary]) -> dict[str, Any]:
    """Return wins by seed and what the episodes cost on average."""
    n = len(episodes)
    return {
        'wins': [e.success for e in episodes],
        'first_seed': episodes[0].seed,
        'interventions': sum(e.interventions for e in episodes) / n,
        'human_actions': sum(e.human_actions for e in episodes) / n,
    }


def cost(episodes: Sequence[EpisodeSummary]) -> dict[str, Any]:
    """Return means per successful training episode, and switches per step the robot acted."""
    good = [e for e in episodes if e.success]
    keys = ('interventions', 'human_actions', 'robot_actions')
    means = {k: sum(getattr(e, k) for e in good) / max(len(good), 1) for k in keys}
    called, acted = asks(episodes), sum(e.robot_actions for e in episodes)
    return {
        **means,
        'asked': called,
        'training_success': len(good) / len(episodes),
        'switch_rate': called / max(acted + called, 1),
    }


def asks(episodes: Sequence[EpisodeSummary]) -> int:
    """Return how often the human was called; at the first tick of an episode, too."""
    return sum(e.interventions + e.begun_by_human for e in episodes)


def round_row(episodes: Sequence[EpisodeSummary]) -> dict[str, Any]:
    steps, human = sum(e.steps for e in episodes), sum(e.human_actions for e in episodes)
    return {
        'episodes': len(episodes),
        'steps': steps,
        'human_share': human / steps,
        **cost(episodes),
    }


def graph_cell() -> type[Cell]:
    """Return the cell whose episodes are run by a graph of nodes; it needs ROS 2."""
    from gates_graph import GraphCell

    return GraphCell


def arguments() -> argparse.ArgumentParser:
    """Return the options of a cell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('method', choices=list(METHODS))
    parser.add_argument('seed', type=int)
    parser.add_argument('--folder', type=Path, required=True, help='for the JSON')
    parser.add_argument('--task', default='peg_insert')
    for name, value in vars(Sizes()).items():
        option = f'--{name.replace("_", "-")}'
        parser.add_argument(option, type=type(value), default=value)
    parser.add_argument(
        '--keep', type=Path, metavar='FOLDER', help='for the labels, METHOD_SEED.npz'
    )
    parser.add_argument('--graph', action='store_true', help='over ROS topics, in lockstep')
    return parser


def sizes_of(args: argparse.Namespace) -> Sizes:
    return Sizes(**{name: getattr(args, name) for name in vars(Sizes())})


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return what has to be the same for cells that are compared. Raises UserError."""
    return {'task': args.task, **vars(sizes_of(args))}


def main() -> None:
    args = arguments().parse_args()
    torch.set_num_threads(1)
    sizes = sizes_of(args)
    keep = args.keep and args.keep / f'{args.method}_{args.seed}.npz'
    world = make_world(load_spec(args.task))
    method = matched(METHODS[args.method], args.seed, args.folder)
    with tempfile.TemporaryDirectory() as scratch:
        kind = graph_cell() if args.graph else Cell
        cell = kind(
            method,
            args.seed,
            sizes,
            world,
            RunFolder(Path(scratch)),
            Clock(),
        )
        found = equal(cell, args.folder) if args.method == 'bc_equal' else gated(cell, keep)
    settings = {**settings_of(args), 'spec': world.spec.hash}
    about = {'method': args.method, 'seed': args.seed, 'settings': settings, **method.about}
    period_s = world.spec.period_ns / NS_PER_S
    measure.write(
        args.folder / f'{args.method}_{args.seed}.json',
        {**about, 'period_s': period_s, **found, 'seconds': cell.clock.all()},
    )


if __name__ == '__main__':
    main()
