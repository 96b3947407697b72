"""The graph of nodes in lockstep makes the same steps as `rollout`, tick by tick."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from il_core.load import load_spec
from il_core.types import Mode, Owner
from il_data.episode import Episode
from il_data.read import read_episode
from il_loop.cast import SIMULATED, Cast, make_loop, play
from il_ros.collect import Plan, collect
from il_ros.graph_args import GraphArgs
from il_sim.api import make_world
from tests.il_gating.test_gates import fitted

pytestmark = pytest.mark.ros
SEEDS = (3, 4)
HUMAN = {'reaction_s': 0.2, 'noise': 0.1}
# Inside the range of the random policy's novelty on reach, so that it asks and hands back.
THRESHOLDS = {'novelty': 0.0575, 'hand_back': 0.0565, 'discrepancy': 100.0}

CASES = {
    'demonstrations': (
        Cast('expert_only', operator={'style': 'always', **HUMAN}),
        {'mode': 'demonstrate', 'handover': 'instant'},
    ),
    'a human who watches': (
        Cast('hg_dagger', operator={'style': 'own_judgement', **HUMAN}),
        {'gate': 'hg_dagger', 'handover': 'request'},
    ),
    'a gate that asks': (
        Cast('novelty', THRESHOLDS, operator={'style': 'on_request', **HUMAN}),
        {'gate': 'novelty', 'handover': 'request'},
    ),
    'a gate with a budget': (
        Cast('thrifty_dagger', {'alpha': 0.2}, operator={'style': 'on_request', **HUMAN}),
        {'gate': 'thrifty_dagger', 'handover': 'request'},
    ),
    'a gate that adds noise': (
        Cast('lazy_dagger', {'noise': 0.1}, operator={'style': 'always', **HUMAN}),
        {'gate': 'lazy_dagger', 'handover': 'instant'},
    ),
    'a coin, and labels everywhere': (
        Cast('dagger', {'beta': 0.3}, operator={'style': 'always', **HUMAN}),
        {'gate': 'dagger', 'handover': 'instant'},
    ),
    'alone': (
        Cast('policy_only'),
        {'gate': 'policy_only', 'operator': 'none', 'handover': 'instant'},
    ),
    'contacts': (
        Cast('hg_dagger', operator={'style': 'own_judgement', **HUMAN}),
        {'gate': 'hg_dagger', 'handover': 'request', 'task': 'peg_insert'},
    ),
}


# The others run with `-m slow`: each takes a dozen seconds.
ALWAYS = ('demonstrations', 'a human who watches', 'a gate that asks')


@pytest.mark.parametrize(
    'name',
    [pytest.param(n, marks=() if n in ALWAYS else pytest.mark.slow) for n in CASES],
)
def test_the_graph_in_lockstep_makes_the_steps_of_rollout(name, tmp_path):
    cast, asked = CASES[name]
    spec = load_spec(asked.get('task', 'reach'))
    checkpoint = None if 'mode' in asked else fitted(tmp_path, spec)[0]
    args = {'operator': 'scripted', **asked, 'lockstep': True}
    if args['operator'] == 'scripted':
        args['set'] = ' '.join(f'operator.{key}={value}' for key, value in HUMAN.items())
    if cast.gate_params:
        args['set'] += f" 'gate.gate_params={json.dumps(cast.gate_params)}'"
    run = tmp_path / 'run'
    graph_args = GraphArgs(run=str(run), checkpoint=str(checkpoint or ''), **args)
    report = collect(Plan(run, SEEDS), graph_args)
    assert report.complete
    config = dataclasses.replace(SIMULATED, handover=asked['handover'])
    cast = dataclasses.replace(cast, config=config)
    world = make_world(spec)
    expected = play(make_loop(world, cast, checkpoint), SEEDS)
    world.close()
    for collected, rolled in zip(report.episodes, expected, strict=True):
        assert collected.verdict != 'BAD'
        same(read_episode(Path(collected.folder)), rolled)
    owners = {o for e in expected for o in e.steps['owner']}
    assert cast.gate not in ('novelty', 'thrifty_dagger') or Owner.POLICY in owners
    assert cast.gate not in ('novelty', 'thrifty_dagger', 'lazy_dagger') or Owner.HUMAN in owners


def same(bag: Episode, rolled: Episode) -> None:
    assert bag.manifest.outcome == rolled.manifest.outcome
    assert len(bag.steps) == len(rolled.steps)
    for column in ('step', 'mode', 'owner', 'cause', 'transition', 'engaged'):
        assert np.array_equal(bag.steps[column], rolled.steps[column]), column
    for column in ('frame', 'mean', 'variance', 'members', 'expert', 'command', 'scores'):
        a, b = bag.steps[column], rolled.steps[column]
        assert np.allclose(a, b, atol=1e-5, rtol=0, equal_nan=True), column
    assert set(rolled.steps['owner']) <= {int(o) for o in Owner}
    assert int(Mode.HOLD) not in rolled.steps['mode'][:1]
