"""What a step counts: IWR and Sirius, by the papers' shares."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.types import Owner, Proposal
from il_data.dataset import EVERY_STATE, INTERVENTIONS, Selection, labels
from il_data.weighting import BEFORE, Kind, iwr, kinds, sirius
from il_loop.cast import DEMONSTRATE, INSTANT, Cast, make_loop, play
from tests.toy import ToyWorld, toy_spec

DEMO, HELP, POLICY, BEFORE_TAKEOVER = Kind


class Still:
    """A policy that hardly moves."""

    checkpoint_id = 'still'

    def reset(self):
        """Nothing to forget."""

    def propose(self, frame):
        return Proposal(frame, 'still', toy_spec().hash, np.array([0.01, 0.0, 0.08]))


@pytest.fixture(scope='module')
def episodes():
    """Two demonstrations, and three episodes in which both act."""
    demos = play(make_loop(ToyWorld(), DEMONSTRATE), range(2), 'demo')
    cast = Cast('random', {'rate': 0.1, 'duration': 3}, INSTANT, {'style': 'always'})
    loop = make_loop(ToyWorld(), cast, policy=Still())
    return [*demos, *play(loop, range(10, 13), 'mixed')]


def share(found, weights, kind):
    return weights[found == kind].sum() / weights.sum()


def test_the_steps_before_a_takeover_are_the_policys_and_no_others(episodes):
    found = kinds(episodes[2])
    owners = episodes[2].owners
    takeovers = np.flatnonzero((owners[1:] == Owner.HUMAN) & (owners[:-1] == Owner.POLICY)) + 1
    assert len(takeovers)
    for row in range(len(owners)):
        near = any(0 < t - row <= BEFORE for t in takeovers)
        policy = BEFORE_TAKEOVER if near else POLICY
        assert found[row] == (policy if owners[row] == Owner.POLICY else HELP)
    assert set(kinds(episodes[0])) == {DEMO}


def test_a_turn_that_ends_without_the_human_is_no_takeover(episodes):
    """The policy, a fault (nobody), the policy again, then the human."""
    steps = np.resize(episodes[2].steps, 36)
    steps['owner'] = np.repeat(
        [Owner.POLICY, Owner.NOBODY, Owner.POLICY, Owner.HUMAN], [20, 3, 10, 3]
    )
    found = kinds(dataclasses.replace(episodes[2], steps=steps))
    assert set(found[:18]) == {POLICY}
    assert set(found[23:33]) == {BEFORE_TAKEOVER}


def test_steps_before_a_takeover_alone_weigh_nothing():
    assert sirius(np.repeat(Kind, (0, 0, 0, 9))).tolist() == [0.0] * 9


def test_interventions_weigh_half_of_everything():
    found = np.repeat([DEMO, HELP, POLICY, BEFORE_TAKEOVER], [30, 5, 55, 10])
    both = iwr(found), sirius(found)
    for weights in both:
        assert weights.mean() == pytest.approx(1)
        assert share(found, weights, HELP) == pytest.approx(0.5)
    assert share(found, both[0], POLICY) == pytest.approx(0.5 * 55 / 95)
    assert share(found, both[1], DEMO) == pytest.approx(0.3), 'keep their share'
    assert share(found, both[1], POLICY) == pytest.approx(0.2), 'the rest'
    assert share(found, both[1], BEFORE_TAKEOVER) == 0


@pytest.mark.parametrize('weigh', [iwr, sirius])
@pytest.mark.parametrize(
    'counts', [(9, 0, 0, 0), (0, 9, 0, 0), (90, 5, 5, 0), (0, 5, 5, 5), (9, 0, 9, 0)]
)
def test_whatever_is_missing_weights_stay_finite_and_1_on_average(weigh, counts):
    weights = weigh(np.repeat(Kind, counts))
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert weights.mean() == pytest.approx(1)


def test_weighted_labels_hold_what_whoever_acted_did(episodes):
    plain, weighted = labels(episodes), labels(episodes, Selection(weighting='iwr'))
    steps = sum(map(len, episodes))
    assert len(plain.columns) == sum(e.human_actions for e in episodes)
    assert len(weighted.columns) == steps
    assert plain.columns.weight.tolist() == [1.0] * len(plain.columns)
    found = np.concatenate([kinds(e) for e in episodes])
    sent = np.concatenate([e.commands for e in episodes])
    policy = np.isin(found, (POLICY, BEFORE_TAKEOVER))
    np.testing.assert_array_equal(weighted.columns.actions[policy], sent[policy])
    assert share(found, weighted.columns.weight, HELP) == pytest.approx(0.5)


def test_an_unknown_weighting_and_one_that_contradicts_are_refused():
    with pytest.raises(UserError, match='did you mean sirius'):
        dataclasses.replace(INTERVENTIONS, weighting='siriu')
    with pytest.raises(UserError, match='labels of the one who acted'):
        dataclasses.replace(EVERY_STATE, weighting='iwr')
