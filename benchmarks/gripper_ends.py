"""Why DAgger ends low on `peg_insert`: is its gripper the mean of two contrary labels?

    python benchmarks/gates.py --methods dagger thrifty --seeds 5-7 --keep /tmp/labels
    python benchmarks/gripper_ends.py /tmp/labels --seeds 5-7

The supervisor says open or shut, nothing between, and near the handle a few millimetres decide
which. From the kept labels of each cell its last policy is cloned again, and runs alone on the
cell's own evaluation seeds: as it is, and with each width of the gripper that it says put to the
nearer end. Nothing else differs. Printed with it: where failures end, and on what share of their
ticks the gripper is told to be half open (between 2 and 6 cm). Differences are paired by seed.
Cells that the file of results holds are kept: a stopped run goes on; remove it to begin anew.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from dagger_labels import load
from gates import RESULTS, differences, seeds_of
from gates_cell import EVALUATE, Cell, Clock, Sizes, won
from gates_methods import METHODS
from gates_table import words

from il_core.load import load_spec
from il_core.spec import Spec
from il_core.types import Frame, Outcome, Proposal, Vector
from il_data.episode import Episode
from il_loop.cast import ALONE, make_loop, play
from il_loop.episodes import summarise
from il_loop.run_folder import RunFolder
from il_loop.stats import SHARE, mean
from il_policy.api import Policy
from il_policy.policies.bc import load as load_policy
from il_sim.api import World, make_world
from il_sim.tasks.peg_insert_supervisor import HANDLE_M, SLACK_M

COMPARED = ('dagger', 'thrifty')
AS_IT_IS, AT_ENDS = 'as it is', 'gripper at its ends'
HALF_OPEN_M = (0.02, 0.06)
NEAR_M = (0.01, 0.03)  # of the handle's middle, beside and above


class AtEnds:
    """A policy whose gripper is fully open or shut, whichever is nearer to what it says."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.spec, self.checkpoint_id = policy.spec, policy.checkpoint_id
        self._at = self.spec.axis_names.index('gripper')
        self._ends = np.array([self.spec.low[self._at], self.spec.high[self._at]])

    def reset(self) -> None:
        self._policy.reset()

    def propose(self, frame: Frame) -> Proposal:
        said = self._policy.propose(frame)
        if said.mean is None:
            return said
        action = said.mean.copy()
        action[self._at] = self._ends[np.abs(self._ends - action[self._at]).argmin()]
        return replace(said, mean=action)


def where(spec: Spec, frame: Vector) -> str:
    """Return where the hand is in this frame: holding the ring, at its handle, or elsewhere."""
    value = dict(zip(spec.frame_fields, frame, strict=True))
    beside, above = np.hypot(value['ring/x'], value['ring/y']), abs(value['ring/z'])
    width = sum(v for name, v in value.items() if '_finger_' in name)
    if abs(width - HANDLE_M) < SLACK_M and beside < 0.02 and above < 0.014:
        return 'holding'
    return 'at the handle' if beside < NEAR_M[0] and above < NEAR_M[1] else 'elsewhere'


def judge(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Return wins by seed, where failures end, and how much of them was half open."""
    spec, lost = episodes[0].spec, [e for e in episodes if e.outcome is not Outcome.SUCCESS]
    at, (low, high) = spec.axis_names.index('gripper'), HALF_OPEN_M
    widths = np.concatenate([e.column('command')[:, at] for e in lost]) if lost else np.zeros(1)
    ends = Counter(f'{e.outcome.name.lower()} {where(spec, e.frames[-1])}' for e in lost)
    half = float(((widths > low) & (widths < high)).mean())
    return {**won([summarise(e) for e in episodes]), 'failures': ends, 'half_open': half}


def examine(world: World, method: str, seed: int, labels: Path) -> dict[str, Any]:
    """Return what the policy of one cell reaches alone, as it is and with the gripper at its
    ends."""
    rows, _ = load(labels / f'{method}_{seed}.npz')
    with tempfile.TemporaryDirectory() as folder:
        cell = Cell(METHODS[method], seed, Sizes(), world, RunFolder(Path(folder)), Clock())
        policy = load_policy(world.spec, cell.clone(rows))
    first = cell.base + EVALUATE
    seeds = range(first, first + cell.sizes.evaluations)
    found = {}
    for name, acting in ((AS_IT_IS, policy), (AT_ENDS, AtEnds(policy))):
        found[name] = judge(play(make_loop(world, ALONE, policy=acting), seeds))
    return {'method': method, 'seed': seed, 'labels': len(rows), 'autonomous': found}


def table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Print and return, by method, success, differences, and what became of failures."""
    said = {}
    for method in dict.fromkeys(r['method'] for r in rows):
        own = [r for r in rows if r['method'] == method]
        cells = {
            name: {r['seed']: {'autonomous': r['autonomous'][name]} for r in own}
            for name in (AS_IT_IS, AT_ENDS)
        }
        (gap,) = differences(cells, [(AT_ENDS, AS_IT_IS)])
        said[method] = {'difference': gap}
        for name, found in cells.items():
            parts = [c['autonomous'] for c in found.values()]
            alone = mean([float(np.mean(p['wins'])) for p in parts], SHARE)
            ends = sum((Counter(p['failures']) for p in parts), Counter[str]())
            half = mean([p['half_open'] for p in parts], SHARE)
            said[method][name] = {
                'alone': asdict(alone),
                'failures': dict(ends.most_common()),
                'half_open': asdict(half),
            }
            print(f'{method:<8} {name:<20} {words(asdict(alone), 100)} % alone; {dict(ends)}')
        print(f'{method:<8} difference {words(gap["over_seeds"], 100)} points over seeds')
    return said


def main() -> None:
    parser = measure.parser(__doc__, 'gripper_ends')
    parser.add_argument('labels', type=Path, help='folder that the cells kept theirs in')
    parser.add_argument('--seeds', default='5-7', help='A or A-B')
    parser.add_argument('--methods', nargs='+', default=list(COMPARED))
    parser.add_argument(
        '--cells', type=Path, default=RESULTS / 'gates_peg_insert', help='folder of their JSON'
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    world = make_world(load_spec('peg_insert'))
    rows = json.loads(args.out.read_text())['rows'] if args.out.is_file() else []
    there = {(row['method'], row['seed']) for row in rows}
    for method in args.methods:
        for seed in seeds_of(args.seeds):
            if (method, seed) in there:
                continue
            rows.append(examine(world, method, seed, args.labels))
            cell = json.loads((args.cells / f'{method}_{seed}.json').read_text())['autonomous']
            again = rows[-1]['autonomous'][AS_IT_IS]['wins']
            alike = sum(a == b for a, b in zip(again, cell['wins'], strict=True))
            rows[-1]['as_in_the_cell'] = alike
            print(method, seed, f'{alike} of {len(again)} end as in the cell', flush=True)
            measure.write(args.out, {'rows': rows, **table(rows)})


if __name__ == '__main__':
    main()
