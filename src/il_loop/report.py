"""One self-contained HTML page of a run folder."""

from __future__ import annotations

import contextlib
import datetime
import shlex
from collections.abc import Sequence
from pathlib import Path

from il_core.errors import UserError
from il_core.extras import refusal
from il_core.types import NS_PER_S, Owner
from il_core.writable import check_file
from il_data.atomic import write_text
from il_data.episode import Episode
from il_loop import report_charts, report_data, report_pictures, report_requests
from il_loop.demo import Settings, alone
from il_loop.episodes import EpisodeSummary
from il_loop.evaluate import SECONDS_PER_MINUTE, seed_spans
from il_loop.report_data import RunData
from il_loop.report_page import Media, Page, Table, Warned, points, rate, render
from il_loop.run_folder import RunFolder
from il_sim.api import World, make_world

FILM, STRIP = 24, 6  # pictures


def write_report(run: RunFolder, *, pictures: bool = True) -> Path:
    """Write report/index.html by atomic rename and return its path.

    Args:
        pictures: render two episodes again in the simulator, where that can be done here.

    Raises:
        UserError: no rounds, a bag that cannot be read, or a folder that cannot be written.
    """
    data = report_data.load(run)
    if not data.rounds:
        raise run.lacks('holds no round yet', 'make one with `il round`')
    check_file('report', run.report)
    media, why = _media(data) if pictures else ((), 'they were not asked for')
    page = make_page(data, media, why)
    run.report.parent.mkdir(parents=True, exist_ok=True)
    write_text(run.report, render(page))
    return run.report


def make_page(data: RunData, media: Sequence[Media] = (), no_media: str = '') -> Page:
    """Return everything the page shows; `no_media`: why there are no pictures."""
    told = report_data.telling_episode(data)
    curve = report_data.curve(data)
    task = data.rounds[-1].task
    written = datetime.datetime.now().strftime('%Y-%m-%d %H:%M')
    return Page(
        title=f'Interactive imitation learning: {task}',
        subtitle=f'run {data.run.path.resolve()}, written {written}',
        comparison=data.comparison,
        recording=_recording(data),
        curve_svg=report_charts.learning_curve(curve) if curve else '',
        curve_seeds=_seeds(data),
        gate_svg=report_charts.gate_timeline(report_data.timeline(told)) if told else '',
        gate_caption=_caption(told),
        burden=_burden(data),
        requests=report_requests.tables(data.groups),
        media=tuple(media),
        no_media=no_media,
        episodes=_episodes(data),
        provenance=_provenance(data),
        warned=_strange(data),
    )


def _recording(data: RunData) -> tuple[str, ...]:
    """Return the commands that record a paired evaluation: the first round and the last."""
    numbers = sorted({data.rounds[0].number, data.rounds[-1].number})
    return tuple(_record(data, n) for n in numbers)


def _record(data: RunData, number: int) -> str:
    """Return the command that records the evaluation of a round, over another policy's too."""
    settings = Settings(task=data.rounds[-1].task)
    policy = next(r.checkpoint_id for r in data.rounds if r.number == number)
    session = alone(data.run, settings, number, policy if number in data.strange else '')
    return f'il {shlex.join(session.command)}'


def _strange(data: RunData) -> tuple[Warned, ...]:
    """Return what is said of episodes that were taken for another policy's evaluation."""
    return tuple(
        Warned(
            f'{count} episodes in {data.run.evaluated(number).bags} are left out: not of the '
            f'policy that round {number} has now. To record them anew:',
            _record(data, number),
        )
        for number, count in data.strange.items()
    )


def _caption(told: Episode | None) -> str:
    if told is None:
        return ''
    words = f'Episode {told.episode_id}, seed {told.manifest.seed}, {told.outcome.name.lower()}. '
    if not any(panel.is_judged for panel in report_data.timeline(told).panels):
        return words + 'Its gate had no score to compare with a threshold.'
    return words + (
        'The gate asks where a score is above its threshold; while the human owns, the thresholds '
        'are those of handing back, and all must be met. Above: why the mode changed.'
    )


def _burden(data: RunData) -> Table:
    rows = tuple(_burden_row(g.name, g.counts) for g in data.groups)
    everything = [c for g in data.groups for c in g.counts]
    total = (_burden_row('in all', everything),) if everything else ()
    head = ('episodes', 'n', 'human s', 'human ticks', 'robot ticks', 'labels')
    return Table((*head, 'interventions', 'switches/min', 'reached the goal'), (*rows, *total))


def _burden_row(name: str, counts: Sequence[EpisodeSummary]) -> tuple[str, ...]:
    minutes = sum(c.seconds for c in counts) / SECONDS_PER_MINUTE
    switches = sum(c.switches for c in counts)
    return (
        name,
        str(len(counts)),
        f'{sum(c.human_s for c in counts):.1f}',
        str(sum(c.human_actions for c in counts)),
        str(sum(c.robot_actions for c in counts)),
        str(sum(c.labels for c in counts)),
        str(sum(c.interventions for c in counts)),
        f'{switches / minutes:.1f}' if minutes else '0',
        f'{sum(c.success for c in counts)} of {len(counts)}',
    )


def _episodes(data: RunData) -> Table:
    rows = [(group.name, c) for group in data.groups for c in group.counts]
    rows += [('real time', c) for c in data.shown]
    rows += [
        (f'evaluation, {e.result.label}', c) for e in data.evaluated for c in e.result.episodes
    ]
    head = ('episode', 'for', 'seed', 'outcome', 'verdict', 's', 'human s', 'switches', 'labels')
    return Table(head, tuple(_episode_row(name, c) for name, c in rows))


def _episode_row(name: str, c: EpisodeSummary) -> tuple[str, ...]:
    numbers = (f'{c.seconds:.2f}', f'{c.human_s:.2f}', str(c.switches), str(c.labels))
    return (c.id, name, str(c.seed), c.outcome.lower(), c.verdict, *numbers)


def _provenance(data: RunData) -> Table:
    rows = [
        (
            f'success, {e.result.label}',
            rate(e.result.success),
            f'{data.run.evaluated(e.round.number).bags}: {e.result.success.n} bags, seeds '
            f'{seed_spans(e.result.seeds)}, {e.result.checkpoint_id}; Wilson',
        )
        for e in data.evaluated
    ]
    if data.comparison:
        gain = data.comparison.difference
        every = {s for e in (data.evaluated[0], data.evaluated[-1]) for s in e.result.seeds}
        pairs = f'{gain.n} pairs of the same seed, of {len(every)} seeds'
        rows.append(('improvement', points(gain), f'{pairs}; score interval, Tango'))
    for made in data.rounds:
        path = data.run.round(made.number) / 'round.json'
        words = f'{made.labels} labels, {made.new_labels} new'
        if made.of_human != made.labels:
            words += f"; {made.of_human} of all are the human's, the others the policy's own"
        rows.append((f'labels, round {made.number}', words, f'{path}; {made.selection}'))
    bags = sum(len(g.episodes) for g in data.groups)
    what = 'human seconds, switches, requests, reactions'
    rows.append((what, 'per group above', f'{data.run.bags}: {bags} bags'))
    return Table(('number', 'value', 'made from'), tuple(rows))


def _seeds(data: RunData) -> str:
    """Return on which seeds the points of the curve were evaluated."""
    same = len({e.result.seeds for e in data.evaluated}) == 1
    return 'the same seeds for every point' if same else 'not all points on the same seeds'


def _media(data: RunData) -> tuple[Sequence[Media], str]:
    """Return one seed in pictures, before and after; where there are none, why."""
    pair = report_data.turned_pair(data)
    if pair is None:
        return (), 'no seed was evaluated twice'
    if not pair[0].spec.task.world:
        return (), f'task {pair[0].spec.task.name} is of a robot, not of a simulated world'
    names = [e.result.label for e in (data.evaluated[0], data.evaluated[-1])]
    try:
        with contextlib.closing(make_world(pair[0].spec)) as world:
            return [_film(world, e, name) for e, name in zip(pair, names, strict=True)], ''
    except UserError as error:
        return (), str(error)
    except ImportError as error:
        if (refused := refusal(error)) is None:
            raise
        return (), str(refused)


def _film(world: World, episode: Episode, name: str) -> Media:
    owners = [Owner(int(o)) for o in episode.owners]
    seed, period_s = episode.manifest.seed, episode.spec.period_ns / NS_PER_S
    scenes = report_pictures.replay(world, seed, list(episode.commands), owners, FILM)
    few = scenes[:: max(len(scenes) // STRIP, 1)][: STRIP - 1] + scenes[-1:]
    return Media(
        f'{name}, seed {seed}: {episode.outcome.name.lower()}',
        report_pictures.film(scenes, period_s),
        report_pictures.strip(few, period_s),
    )
