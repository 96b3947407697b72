"""Charts and tables of the report for gates with many scores, one, or none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from il_core.types import Cause, Mode, Owner
from il_data.episode import Episode, Sizes, step_type
from il_data.manifest import Manifest
from il_loop import report_charts, report_data, report_requests
from il_loop.cast import DEMONSTRATE, SIMULATED, Cast, make_loop
from il_loop.episodes import summarise
from il_loop.report import write_report
from il_loop.report_data import Group
from il_loop.rounds import make_round, read_bags
from il_loop.run_folder import RoundFile, RunFolder
from il_loop.stats import Estimate
from il_policy.critic import CriticConfig
from tests.il_data.fake import Rig
from tests.il_loop.bags import record
from tests.il_loop.test_rounds import QUICK
from tests.toy import ToyWorld, toy_spec


def scored(names, scores, thresholds, human=range(0)):
    """Return an episode of a gate: (N, K) scores and thresholds, the human owning `human`."""
    scores, thresholds = np.array(scores, float), np.array(thresholds, float)
    steps = np.zeros(len(scores), step_type(Sizes(1, 1, 1, 0, len(names))))
    steps['mode'], steps['owner'], steps['cause'] = Mode.AUTONOMOUS, Owner.POLICY, Cause.START
    steps['scores'], steps['thresholds'] = scores, thresholds
    steps['stamp_ns'] = 10**18 + np.arange(len(scores)) * toy_spec().period_ns
    for row in human:
        steps['mode'][row], steps['owner'][row] = Mode.SUPERVISOR, Owner.HUMAN
        steps['cause'][row] = Cause.RISK
    return Episode(Path(), toy_spec(), Manifest('e'), steps, tuple(names))


def test_every_asking_score_has_a_panel_with_its_thresholds():
    asks, returns = [0.3, 0.5, np.nan], [np.nan, 0.2, 0.7]
    thrifty = scored(
        ('novelty', 'risk', 'discrepancy'),
        [[0.1, 0.4, np.nan], [0.1, 0.6, np.nan], [0.2, 0.3, 0.9], [0.2, 0.1, 0.5]],
        [asks, asks, returns, returns],
        human=(1, 2),
    )
    panels = report_data.timeline(thrifty).panels
    assert [(p.name, p.is_asking) for p in panels] == [
        ('novelty', True),
        ('risk', True),
        ('discrepancy', False),
    ]
    nan = pytest.approx(np.nan, nan_ok=True)
    # the tick of asking was judged by what asks, that of handing back by what hands back
    assert panels[1].asks == (0.5, 0.5, nan, nan)
    assert panels[1].returns == (nan, nan, 0.2, 0.2)
    assert panels[0].returns == (nan,) * 4
    svg = report_charts.gate_timeline(report_data.timeline(thrifty))
    assert all(p.name in svg for p in panels)


@pytest.mark.parametrize(
    ('names', 'value', 'threshold', 'shown'),
    [
        ((), [], [], []),
        (('novelty',), [np.nan], [np.nan], []),
        (('doubt',), [0.3], [np.nan], ['doubt']),
        (('risk',), [np.nan], [0.5], ['risk']),
        (('unsafe',), [0.0], [0.5], ['unsafe']),
    ],
    ids=['no scores', 'nothing known', 'no threshold', 'score not known', 'zero'],
)
def test_timeline_of_what_little_there_is(names, value, threshold, shown):
    line = report_data.timeline(scored(names, [value] * 3, [threshold] * 3, human=(1,)))
    assert [p.name for p in line.panels] == shown
    svg = report_charts.gate_timeline(line)
    assert 'time in the episode' in svg
    assert 'risk' in svg, 'the cause is above'


def test_times_are_those_of_the_recording():
    """A tick that was lost is no shorter."""
    lossy = scored(('risk',), [[1]] * 4, [[2]] * 4, human=(3,))
    lossy.steps['stamp_ns'][2:] += 10 * lossy.spec.period_ns
    line = report_data.timeline(lossy)
    assert line.times_s == pytest.approx((0.0, 0.05, 0.6, 0.65))
    assert [at_s for at_s, _ in line.causes] == [0.0, pytest.approx(0.65)]


def test_one_tick_is_a_timeline():
    assert report_charts.gate_timeline(report_data.timeline(scored(('risk',), [[1]], [[2]])))


def test_curve_shows_every_point():
    points = [
        report_charts.CurvePoint(f'round {k}', 100 * k, Estimate(k / 4, k / 5, (k + 1) / 4, 50))
        for k in range(3)
    ]
    svg = report_charts.learning_curve(points)
    assert all(svg.count(f'round {k}: {25 * k:.0f} %') == 1 for k in range(3))
    assert 'human actions' not in svg
    known = [dataclasses.replace(p, human_actions=7 * p.labels) for p in points]
    svg = report_charts.learning_curve(known)
    assert 'human actions so far' in svg
    assert all(svg.count(f'round {k}: {25 * k:.0f} %') == 2 for k in range(3))


def test_budget_says_what_alpha_means_and_what_the_human_took_unasked():
    gate = {'name': 'thrifty_dagger', 'alpha': 0.01}
    thrifty = RoundFile(0, 'toy', '', 'c', 9, 9, '', 0, (), {}, gate)
    taken = scored((), [[]] * 9, [[]] * 9, human=(4, 5))
    taken.steps['cause'][4:6] = Cause.HUMAN_REQUEST
    group = Group('with round 0', (taken,), (summarise(taken),), thrifty)
    budget = report_requests.tables([group])[2]
    assert 'both together up to twice' in budget.caption
    (row,) = budget.rows
    assert row[1:5] == ('thrifty_dagger', '1 %', '12.50 % (gate 0.00 %)', '1')


def test_page_of_thrifty_shows_both_scores_and_both_causes(tmp_path):
    run = RunFolder(tmp_path)
    config = dataclasses.replace(
        QUICK, gate='thrifty_dagger', alpha=0.1, critic=CriticConfig(steps=100)
    )
    into = Rig(run.bags)
    loop = make_loop(ToyWorld(), DEMONSTRATE)
    for seed in range(3):
        record(into, loop.episode(seed, 'x'))
    make_round(run, read_bags(run), config)
    cast = Cast('thrifty_dagger', config=SIMULATED, operator={'reaction_s': 0.1})
    loop = make_loop(ToyWorld(), cast, run.checkpoint(0))
    for seed in range(100, 106):
        record(into, loop.episode(seed, 'x'))
    text = write_report(run, pictures=False).read_text()
    told = report_data.telling_episode(report_data.load(run))
    panels = report_data.timeline(told).panels
    assert [p.name for p in panels if p.is_asking] == ['novelty', 'risk']
    for words in ('<td>thrifty_dagger</td><td>10 %</td>', 'asks above', 'median s'):
        assert words in text
