"""Tables of the report: why the human was asked, how soon one came, how often for how much."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from il_core.types import Cause
from il_loop.report_data import Group, cause_words
from il_loop.report_page import Table
from il_loop.requests import Request, count_causes, reaction, requests, spending

NOTHING = '–'
# What these two mean where a bag does not say why the human was asked.
WORDS = {
    Cause.STALE_JOYSTICK: 'nobody there',
    Cause.OPERATOR_READY: 'cause not recorded',
}
# What else alpha means, by gate.
_UNSAFE = 'the share of the first labels that count as unsafe, so no budget of requests'
ALPHA = {
    'thrifty_dagger': 'with calibration paper, the default, every score has alpha for itself, and '
    'both together up to twice as much; with calibration budget they share it',
    'safe_dagger': _UNSAFE,
    'lazy_dagger': _UNSAFE,
    'ensemble_dagger': 'the share of labels that each of its rules gives to the human',
}


def tables(groups: Sequence[Group]) -> tuple[Table, ...]:
    """Return requests by cause, reaction times, and the realised budget, a row per group."""
    found = [[r for episode in group.episodes for r in requests(episode)] for group in groups]
    names = [group.name for group in groups]
    return _causes(names, found), _reactions(names, found), _budget(groups)


def _causes(names: Sequence[str], found: Sequence[Sequence[Request]]) -> Table:
    """Return a column per cause that occurs anywhere."""
    everything = [request for made in found for request in made]
    causes = list(count_causes(everything))
    words = (WORDS.get(cause, cause_words(cause)) for cause in causes)
    rows = [
        (name, *_counts(made, causes))
        for name, made in (*zip(names, found, strict=True), ('in all', everything))
    ]
    return Table(
        ('requests', 'n', *words, 'unanswered'),
        tuple(rows),
        'A request is every time that the human was asked, or took the robot unasked (human '
        'request), counted by its cause; unanswered where nobody came before the episode ended.',
    )


def _counts(made: Sequence[Request], causes: Sequence[Cause]) -> Iterator[str]:
    counts = count_causes(made)
    yield str(len(made))
    yield from (str(counts.get(cause, 0)) for cause in causes)
    yield str(sum(not request.answered for request in made))


def _reactions(names: Sequence[str], found: Sequence[Sequence[Request]]) -> Table:
    return Table(
        ('reaction of the operator', 'n', 'median s', 'lower quartile s', 'upper quartile s'),
        tuple((name, *_reaction(made)) for name, made in zip(names, found, strict=True)),
        'From the tick at which the robot stopped to ask to the first at which the human owned '
        f'it. {NOTHING}: it never waited, as with hand-over instant.',
    )


def _reaction(made: Sequence[Request]) -> tuple[str, ...]:
    times = reaction(made)
    if times is None:
        return ('0', NOTHING, NOTHING, NOTHING)
    seconds = (times.median_s, times.low_s, times.high_s)
    return (str(times.n), *(f'{s:.2f}' for s in seconds))


def _budget(groups: Sequence[Group]) -> Table:
    ours = [group for group in groups if group.round is not None]
    caption = (
        'Target: alpha of the gate that was fitted in that round, the share of states on which it '
        'may ask. A request counts as a step of the robot.'
    )
    for gate in sorted({_gate(group) for group in ours} & ALPHA.keys()):
        caption += f' Of {gate}: {ALPHA[gate]}.'
    head = ('budget', 'gate', 'target alpha', 'requests per robot step', 'requests')
    return Table(
        (*head, 'robot ticks', "human's share of ticks"), tuple(map(_spent, ours)), caption
    )


def _spent(group: Group) -> tuple[str, ...]:
    spent = spending(group.episodes)
    alpha = group.round.gate.get('alpha') if group.round else None
    rate = _percent(spent.rate)
    if spent.own:
        rate += f' (gate {_percent(spent.gate_rate)})'
    return (
        group.name,
        _gate(group) or NOTHING,
        f'{100 * float(alpha):g} %' if alpha else NOTHING,
        rate,
        str(spent.requests),
        str(spent.robot_ticks),
        _percent(spent.human_share),
    )


def _gate(group: Group) -> str:
    return str(group.round.gate.get('name', '')) if group.round else ''


def _percent(share: float) -> str:
    return NOTHING if math.isnan(share) else f'{100 * share:.2f} %'
