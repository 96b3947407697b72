"""How much interactive correction helps: demonstrations, BC, rounds, paired evaluation.

    python benchmarks/loop.py --repeats 5 --out docs/results/loop_reach.json

Every repeat has its own demonstrations, episodes and evaluation seeds, and runs the same code as
`il demo` without ROS (`il_loop.rollout`). `BC, equal labels` is cloned from as many labels as the
last round had, all of them from demonstrations: what the human's time would have bought without
gating. The interval of a mean is Student's t over repeats.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from il_core.load import load_spec
from il_core.types import NS_PER_S
from il_data.dataset import labels
from il_data.episode import Episode
from il_gating.config import GateConfig
from il_loop.cast import ALONE, DEMONSTRATE, Cast, make_loop, play
from il_loop.episodes import EpisodeSummary, summarise
from il_loop.fits import FITS
from il_loop.probe import prober
from il_loop.rounds import RoundConfig, make_round
from il_loop.run_folder import RunFolder
from il_loop.stats import SHARE, mean, paired_difference
from il_policy import bc
from il_sim.api import World, make_world

STRIDE = 100_000  # seeds of one repeat
DEMO, COLLECT, EVALUATE = 0, 10_000, 50_000


@dataclass(frozen=True)
class Point:
    """One evaluated policy of one repeat. `human_s` and `switches` are what its newest episodes
    cost (all of them for `BC, equal labels`)."""

    name: str
    labels: int
    human_s: float
    switches: int
    wins: tuple[bool, ...]

    @property
    def success(self) -> float:
        return float(np.mean(self.wins))


@dataclass(frozen=True)
class Plan:
    """Sizes of one repeat."""

    demos: int
    episodes: int
    rounds: int
    evaluations: int
    cast: Cast
    config: RoundConfig


def repeat(world: World, plan: Plan, number: int, folder: Path) -> list[Point]:
    """Run the whole loop once."""
    base, run = STRIDE * (number + 1), RunFolder(folder)
    config = replace(plan.config, seed=number)
    episodes = demonstrate(world, base, plan.demos)
    fresh, points = episodes, []
    for k in range(plan.rounds + 1):
        made = make_round(run, episodes, config, probe=prober(world.spec, config, k))
        points.append(
            point(world, f'round {k}', run.checkpoint(k), made.labels, fresh, plan, base)
        )
        print(f'  {number} {points[-1].name}: {points[-1].success:.2f}', flush=True)
        if k < plan.rounds:
            first = base + COLLECT + 1000 * k
            loop = make_loop(world, plan.cast, run.checkpoint(k))
            fresh = play(loop, range(first, first + plan.episodes), 'helped')
            episodes = [*episodes, *fresh]
    points.append(equal_labels(world, plan, config, base, points[-1].labels, folder / 'equal'))
    print(f'  {number} {points[-1].name}: {points[-1].success:.2f}', flush=True)
    return points


def demonstrate(world: World, base: int, count: int) -> list[Episode]:
    return play(make_loop(world, DEMONSTRATE), range(base + DEMO, base + DEMO + count), 'demo')


def point(
    world: World,
    name: str,
    checkpoint: Path,
    count: int,
    fresh: list[Episode],
    plan: Plan,
    base: int,
) -> Point:
    seeds = range(base + EVALUATE, base + EVALUATE + plan.evaluations)
    alone = play(make_loop(world, ALONE, checkpoint), seeds)
    cost: list[EpisodeSummary] = [summarise(e) for e in fresh]
    return Point(
        name,
        count,
        sum(c.human_s for c in cost),
        sum(c.switches for c in cost),
        tuple(summarise(e).success for e in alone),
    )


def equal_labels(
    world: World, plan: Plan, config: RoundConfig, base: int, count: int, out: Path
) -> Point:
    """Clone from demonstrations alone, cut to `count` labels."""
    demos: list[Episode] = []
    while sum(len(e) for e in demos) < count:
        demos = demonstrate(world, base, len(demos) + 5)
    rows = labels(demos).columns[:count]
    bc.train(rows, world.spec, config.bc, seed=config.seed, out=out)
    made = point(world, 'BC, equal labels', out, count, [], plan, base)
    return replace(made, human_s=count * world.spec.period_ns / NS_PER_S)


def table(repeats: list[list[Point]]) -> list[dict[str, object]]:
    """Return a row per policy: means over repeats and the paired gain over round 0."""
    rows: list[dict[str, object]] = []
    for column in zip(*repeats, strict=True):
        first = [points[0] for points in repeats]
        gains = [p.success - f.success for p, f in zip(column, first, strict=True)]
        pooled = paired_difference(
            [w for f in first for w in f.wins], [w for p in column for w in p.wins]
        )
        rows.append(
            {
                'policy': column[0].name,
                'success': asdict(mean([p.success for p in column], SHARE)),
                'gain': asdict(mean(gains, (-1, 1))),
                'gain_smallest': min(gains),
                'gain_pooled_pairs': asdict(pooled),
                'labels': float(np.mean([p.labels for p in column])),
                'human_s': float(np.mean([p.human_s for p in column])),
                'switches': float(np.mean([p.switches for p in column])),
            }
        )
    return rows


def show(rows: list[dict[str, object]]) -> None:
    print(f'{"policy":<18}{"success":>22}{"gain":>24}{"least":>7}{"labels":>8}{"human s":>9}')
    for row in rows:
        s, g = row['success'], row['gain']
        assert isinstance(s, dict)
        assert isinstance(g, dict)
        print(
            f'{row["policy"]:<18}'
            f'{s["value"]:>8.2f} ({s["low"]:.2f}..{s["high"]:.2f})'
            f'{g["value"]:>+10.2f} ({g["low"]:+.2f}..{g["high"]:+.2f})'
            f'{row["gain_smallest"]:>+7.2f}{row["labels"]:>8.0f}{row["human_s"]:>9.1f}'
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--task', default='reach')
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--first', type=int, default=0, help='number of the first repeat')
    parser.add_argument('--demos', type=int, default=3)
    parser.add_argument('--episodes', type=int, default=10, help='per interactive round')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--evaluations', type=int, default=50)
    parser.add_argument('--gate', default='novelty')
    parser.add_argument('--gate-params', default='{}', help='as JSON')
    parser.add_argument('--style', default='on_request', help='of the scripted operator')
    parser.add_argument('--reaction-s', type=float, default=0.0)
    parser.add_argument('--noise', type=float, default=0.0)
    parser.add_argument('--alpha', type=float, help="default: the gate's own")
    parser.add_argument('--handover', default='request')
    parser.add_argument('--hand-back-ticks', type=int, default=3)
    parser.add_argument('--epochs', type=float, default=200.0)
    parser.add_argument('--members', type=int, default=5)
    parser.add_argument('--out', type=Path)
    return parser.parse_args()


def plan_of(args: argparse.Namespace) -> Plan:
    config = GateConfig(
        handover=args.handover,
        hand_back_ticks=args.hand_back_ticks,
        auto_start=True,
        auto_resume=True,
    )
    operator = {'style': args.style, 'reaction_s': args.reaction_s, 'noise': args.noise}
    fitted = args.gate if args.gate in FITS.names() else ''
    return Plan(
        args.demos,
        args.episodes,
        args.rounds,
        args.evaluations,
        Cast(args.gate, json.loads(args.gate_params), config=config, operator=operator),
        RoundConfig(bc.BcConfig(epochs=args.epochs, members=args.members), fitted, args.alpha),
    )


def main() -> None:
    args = arguments()
    torch.set_num_threads(1)
    world, begin = make_world(load_spec(args.task)), time.monotonic()
    repeats = []
    for number in range(args.first, args.first + args.repeats):
        with tempfile.TemporaryDirectory() as folder:
            repeats.append(repeat(world, plan_of(args), number, Path(folder)))
    rows = table(repeats)
    took_s = time.monotonic() - begin
    print(f'{args.repeats} repeats x {args.evaluations} paired seeds, {took_s:.0f} s')
    show(rows)
    if args.out:
        settings = {k: v for k, v in vars(args).items() if k != 'out'}
        raw = [[asdict(p) for p in points] for points in repeats]
        text = json.dumps({'settings': settings, 'rows': rows, 'repeats': raw})
        args.out.write_text(text + '\n')


if __name__ == '__main__':
    main()
