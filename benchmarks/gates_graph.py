"""One cell of gates.py twice: in `rollout`, and over ROS topics between processes in lockstep.

    python benchmarks/gates_graph.py thrifty --seed 0 --equal 0

Demonstrations, rounds and both evaluations come from graphs of nodes and are read back from their
bags; training, fitting and probes are the same code. A cell that is there is not run again. Prints
what both cells say, whether the episodes that were won are the same ones, and in how many rounds
all counts, and all thresholds, are equal to the last digit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import measure
import numpy as np
from gates_cell import Cell

from il_data.episode import Episode
from il_data.read import read_episode
from il_loop.cast import Cast
from il_ros.collect import Plan, Watch, collect
from il_ros.graph_args import GraphArgs
from il_ros.session import Collected, Interrupted

CELL = Path(__file__).with_name('gates_cell.py')
COUNTS = ('labels', 'interventions', 'human_actions', 'robot_actions', 'switch_rate')


class Enough(Watch):
    """Ends the collection when so many steps are recorded. 0: never."""

    def __init__(self, steps: int) -> None:
        self._steps, self._found = steps, 0

    def done(self, episode: Collected) -> None:
        self._found += len(read_episode(Path(episode.folder)))
        if 0 < self._steps <= self._found:
            raise Interrupted


class GraphCell(Cell):
    """A cell whose episodes are run by nodes."""

    graphs = 0

    def play(
        self, cast: Cast, seeds: range, checkpoint: Path | None = None, steps: int = 0
    ) -> list[Episode]:
        self.graphs += 1
        run = self.run.path / f'graph_{self.graphs}'
        args = arguments(cast, self.world.spec.task.name, checkpoint, run)
        report = collect(Plan(run, tuple(seeds)), args, Enough(steps))
        return [read_episode(Path(e.folder)) for e in report.episodes]


def arguments(cast: Cast, task: str, checkpoint: Path | None, run: Path) -> GraphArgs:
    """Return the graph that plays `cast` in lockstep."""
    config = {
        'hand_back_ticks': cast.config.hand_back_ticks,
        'auto_return': cast.config.auto_return,
    }
    settings = [f'gate.{key}={json.dumps(value)}' for key, value in config.items()]
    if cast.gate_params:
        settings.append(f"'gate.gate_params={json.dumps(cast.gate_params)}'")
    human = dict(cast.operator or {})
    style = str(human.pop('style', ''))
    settings += [f'operator.{key}={value}' for key, value in human.items()]
    return GraphArgs(
        mode='demonstrate' if cast.gate == 'expert_only' else 'sim',
        task=task,
        gate=cast.gate,
        checkpoint=str(checkpoint or ''),
        operator='none' if cast.operator is None else 'scripted',
        style=style,
        handover=cast.config.handover,
        run=str(run),
        lockstep=True,
        set=' '.join(settings),
    )


def compare(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what both ways counted, and on how many evaluation seeds they agree."""
    out: dict[str, Any] = {key: {w: c.get(key) for w, c in found.items()} for key in COUNTS}
    for part in ('autonomous', 'aided'):
        wins = {w: np.array(c[part]['wins']) for w, c in found.items() if part in c}
        if len(wins) == 2:
            same = int((wins['graph'] == wins['rollout']).sum())
            shares = {w: float(v.mean()) for w, v in wins.items()}
            out[part] = {**shares, 'same': same, 'n': len(wins['graph'])}
    for part in ('rounds', 'thresholds'):
        both = [c.get(part, []) for c in found.values()]
        same = sum(one == other for one, other in zip(*both, strict=False))
        out[part] = {'same': same, 'n': max(map(len, both))}
    return out


def main() -> None:
    parser = measure.parser(__doc__, 'gates_graph')
    parser.add_argument('method')
    parser.add_argument('--folder', type=Path, help='of the cells; default: beside the JSON')
    args, more = parser.parse_known_args()
    name, found = f'{args.method}_{args.seed}.json', {}
    for way, option in (('rollout', []), ('graph', ['--graph'])):
        folder = (args.folder or args.out.with_suffix('')) / way
        if not (folder / name).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            words = [args.method, str(args.seed), '--folder', str(folder), *option, *more]
            subprocess.run([sys.executable, str(CELL), *words], check=True)
        found[way] = json.loads((folder / name).read_text())
    result = compare(found)
    for key, value in result.items():
        print(f'{key:<16}{value}')
    about = {key: found['graph'][key] for key in ('method', 'seed', 'settings')}
    seconds = {way: cell['seconds'] for way, cell in found.items()}
    measure.write(args.out, {**about, **result, 'seconds': seconds})


if __name__ == '__main__':
    main()
