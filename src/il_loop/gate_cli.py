"""`il gate replay`: what a gate would have asked for in recorded episodes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from il_core import screen
from il_core.errors import UserError
from il_core.structure import plain
from il_core.writable import check_file
from il_data.atomic import write_json
from il_data.read import read_episodes
from il_gating.api import GATES, STEADY
from il_gating.build import build_gate, parse_params
from il_gating.gate_file import fits_in
from il_loop.replay import Point, Replay, replay
from il_loop.stats import Estimate
from il_policy.checkpoint import load
from il_policy.policies.bc import load as load_policy

EXAMPLES = """examples:
  il gate replay runs/first/bags --checkpoint runs/first/round_1/checkpoint --gate thrifty_dagger
  il gate replay runs/first/bags --checkpoint runs/first/round_1/checkpoint --gate novelty \\
      --gate-params '{novelty: 0.01}' --out replay.json
"""


def main(argv: Sequence[str]) -> int:
    """Run `il gate ...`."""
    args = _parser().parse_args(list(argv))
    check_file('--out', args.out)
    episodes = read_episodes(args.bags)
    spec = episodes[0].spec
    name = args.gate or only_fitted(args.checkpoint)
    params = {**STEADY.get(name, {}), **parse_params(args.gate_params)}
    gate = build_gate(spec, name, args.checkpoint, params, continuous_labels=True).gate
    found = replay(episodes, load_policy(spec, args.checkpoint), gate)
    console = screen.console(soft_wrap=True)
    _show(found, console)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(args.out, plain(found))
        console.print(f'written to {args.out}')
    return 0


def only_fitted(path: Path) -> str:
    """Return the gate that was fitted for the policy of a checkpoint. Raises UserError where that
    is none, or there are several to choose from, or gate.json is not to be used."""
    fitted = sorted(fits_in(load(path)))
    if not fitted:
        rule = 'must be named: the checkpoint holds no fitted one'
        raise UserError('--gate', '', rule, GATES.names())
    if len(fitted) > 1:
        raise UserError('--gate', '', 'must be named: the checkpoint holds several', fitted)
    return fitted[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'il gate',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('what', choices=('replay',))
    parser.add_argument('bags', type=Path, help='folder of bags')
    parser.add_argument('--checkpoint', type=Path, required=True, help='of policy and gate')
    parser.add_argument(
        '--gate',
        choices=GATES.names(),
        help='gate to replay; default: the one that was fitted for the checkpoint',
    )
    parser.add_argument(
        '--gate-params', default='', help='JSON or YAML, {alpha: 0.02}; thresholds stay as fitted'
    )
    parser.add_argument('--out', type=Path, help='JSON file for the result')
    return parser


def _show(found: Replay, console: Console) -> None:
    scored = found.needed + found.unneeded + found.unknown
    console.print(
        f'{found.gate}: {scored} episodes up to their first switch; help was needed in '
        f'{found.needed}, not in {found.unneeded}, not known of {found.unknown}'
    )
    if found.left_out:
        console.print(f'left out: {found.left_out} that did not begin with the policy')
    if found.bad:
        console.print(f'left out: {found.bad} BAD recordings; `il bags check` says why')
    if found.unlabelled:
        console.print(
            f"left out: {found.unlabelled} without the human's action while the policy had the "
            f'robot, which {found.gate} looks at'
        )
    if found.other:
        console.print(
            f'[yellow]{found.other} were recorded with another policy: its states, judged by '
            'this one[/yellow]'
        )
    if found.intervention_s is not None:
        console.print(f'a recorded intervention took {found.intervention_s:.2f} s on average')
    table = screen.table(
        'score', 'threshold', 'requests', 'per minute', 'caught', 'false alarms', "human's share"
    )
    table.add_row(*_row('as set', found.as_set))
    for curve in found.curves:
        table.add_section()
        for point in curve.points:
            table.add_row(*_row(curve.score, point))
    console.print(table)
    for curve in found.curves:
        if curve.area is not None:
            a = curve.area
            console.print(
                f'area under the ROC curve of {curve.score}: {a.value:.2f} '
                f'({a.low:.2f} to {a.high:.2f}), n = {a.n}'
            )
    console.print('What would have come after a request is not in a recording.')


def _row(name: str, point: Point) -> tuple[str, ...]:
    share = '–' if point.human_share is None else f'{100 * point.human_share:.1f} %'
    return (
        name,
        '–' if point.threshold is None else f'{point.threshold:.4g}',
        f'{point.requests} of {point.episodes}',
        f'{point.per_minute:.2f}',
        _percent(point.caught),
        _percent(point.alarms),
        share,
    )


def _percent(share: Estimate | None) -> str:
    if share is None:
        return '–'
    low, high = 100 * share.low, 100 * share.high
    return f'{100 * share.value:.0f} % ({low:.0f} to {high:.0f})'
