"""Evaluations pair by seed, keep their numbers through JSON, and refuse what does not belong."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from il_core.errors import UserError
from il_core.types import Outcome
from il_loop import evaluate
from il_loop.episodes import EpisodeSummary
from il_loop.memory import to_episode
from tests.toy import toy_spec


def episodes(wins, first_seed=100):
    return [
        EpisodeSummary(
            id=f'e{i}',
            seed=first_seed + i,
            outcome=(Outcome.SUCCESS if won else Outcome.TIMEOUT).name,
            steps=40,
            seconds=2.0,
            human_actions=5,
            human_s=0.25,
            switches=2,
            interventions=1,
        )
        for i, won in enumerate(wins)
    ]


def made(wins, label='a', **more):
    return evaluate.evaluation(episodes(wins, **more), label=label, task='toy')


def test_counts_and_intervals():
    result = made([True, False, True, True])
    assert (result.success.value, result.success.n) == (0.75, 4)
    assert result.success.low < 0.75 < result.success.high
    # 8 switches in 4 episodes of 2 s
    assert result.switches.value == 2
    assert result.switches_per_minute == pytest.approx(60)


def test_pairs_by_seed_whatever_the_order():
    before = evaluate.evaluation(episodes([False, True, False])[::-1], label='b', task='toy')
    found = evaluate.compare(before, made([True, True, False]))
    assert found.difference.value == pytest.approx(1 / 3)
    # one pair gained, none lost, from each end of the list
    assert found.difference.low < 0.34 < found.difference.high


def test_other_seeds_are_refused():
    with pytest.raises(UserError, match='same seeds'):
        evaluate.compare(made([True, False]), made([True, False], first_seed=101))


def alone(spec, seeds):
    return [
        to_episode([], spec, episode_id=f'e{seed}', seed=seed, outcome=outcome)
        for seed, outcome in zip(seeds, itertools.cycle(Outcome), strict=False)
    ]


def test_episodes_of_another_spec_are_refused_with_what_differs(tmp_path):
    spec = toy_spec()
    longer = dataclasses.replace(spec, task=dataclasses.replace(spec.task, horizon_s=20.0))
    before, after = (evaluate.from_episodes(alone(s, range(6)), label='x') for s in (spec, longer))
    differs = r'differs from the first one \(task.horizon_s: 2.0 -> 20.0\)'
    with pytest.raises(UserError, match=f'spec of the second evaluation is .*{differs}'):
        evaluate.compare(before, after)
    with pytest.raises(UserError, match=differs):
        evaluate.compare_common(before, after)
    with pytest.raises(UserError, match=f'evaluation x: spec of e7 is .*{differs}'):
        evaluate.from_episodes([*alone(spec, range(6)), *alone(longer, [7])], label='x')
    assert evaluate.load_evaluation(evaluate.save(after, tmp_path / 'x.json')) == after
    found = evaluate.compare_common(before, evaluate.from_episodes(alone(spec, [1, 2]), label='y'))
    assert (found.difference.n, found.before.spec_hash) == (2, spec.hash)


def test_no_episodes_is_refused():
    with pytest.raises(UserError, match='at least one'):
        evaluate.evaluation([], label='round 1', task='toy')


def test_file_gives_back_the_same_numbers(tmp_path):
    found = evaluate.compare(made([False, True]), made([True, True], 'b'))
    path = evaluate.save(found, tmp_path / 'evaluation' / 'paired.json')
    assert evaluate.load_comparison(path) == found
    assert [p.name for p in path.parent.iterdir()] == ['paired.json']


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match='no such file'):
        evaluate.load_comparison(tmp_path / 'none.json')
    (tmp_path / 'cut.json').write_text('{"before":')
    with pytest.raises(UserError, match=r'cut\.json.*not JSON'):
        evaluate.load_comparison(tmp_path / 'cut.json')
