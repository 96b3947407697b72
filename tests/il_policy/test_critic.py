"""Critics on a chain whose true values are known, and the classifier of what the policy cannot."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.errors import UserError
from il_gating.scorer import Scorer
from il_policy.classifier import ClassifierConfig, train_classifier
from il_policy.critic import CriticConfig, Transitions, train_critic
from il_policy.export import critic_onnx
from il_policy.nets import Head, Net
from il_policy.normalize import Normalization
from tests.toy import toy_spec

SPEC = toy_spec()
LENGTH, SLIP = 8, 0.1  # steps to the goal, and the chance to fall at each of them
# A batch holds as many steps that reached the goal as the walks do, so that truth is theirs.
QUICK = CriticConfig(steps=3000, hidden=(32, 32), positive=0.08, polyak=0.9)


def frames(places: np.ndarray) -> np.ndarray:
    """A frame per place: the first field tells how far along the chain."""
    out = np.zeros((len(places), len(SPEC.frame_fields)))
    out[:, 0] = places / LENGTH
    return out


def chain(walks: int, seed: int = 0) -> Transitions:
    """Walks along the chain: a step moves on by one, or falls off."""
    rng = np.random.default_rng(seed)
    places, reached, ended = [], [], []
    for _ in range(walks):
        for place in range(LENGTH):
            falls = rng.random() < SLIP
            places.append(place)
            reached.append(place == LENGTH - 1 and not falls)
            ended.append(bool(falls))
            if falls:
                break
    at = np.array(places)
    actions = np.tile(SPEC.high, (len(at), 1))
    return Transitions(frames(at), actions, frames(at + 1), np.array(reached), np.array(ended))


@pytest.fixture(scope='module')
def scored() -> tuple[Scorer, Transitions]:
    data = chain(400)
    normal = Normalization.fit(data.states, SPEC)
    critic = train_critic(data, normal, always_on, QUICK, seed=0)
    return Scorer(critic_onnx(critic.net, normal, critic.weights)), data


def always_on(states: np.ndarray) -> np.ndarray:
    return np.tile(SPEC.high, (len(states), 1))


def test_values_are_the_chances_to_reach_the_goal(scored: tuple[Scorer, Transitions]) -> None:
    scorer, _ = scored
    places = np.arange(LENGTH)
    values = scorer.batch(observation=frames(places), action=always_on(places))
    truth = (1 - SLIP) ** (LENGTH - places)
    np.testing.assert_allclose(values, truth, atol=0.08)
    assert (np.diff(values) > 0).all(), 'nearer is likelier'


def test_one_state_scores_as_a_batch_does(scored: tuple[Scorer, Transitions]) -> None:
    scorer, data = scored
    many = scorer.batch(observation=data.states[:9], action=data.actions[:9])
    one = [scorer(s, a) for s, a in zip(data.states, data.actions, strict=True)]
    np.testing.assert_allclose(one[:9], many, atol=1e-6)


def test_the_same_seed_gives_the_same_critic_on_any_number_of_threads() -> None:
    data = chain(30)
    normal = Normalization.fit(data.states, SPEC)
    one, two = (CriticConfig(steps=65, hidden=(16,), threads=n) for n in (1, 2))
    first, again, other = (
        train_critic(data, normal, always_on, config, seed=seed).weights
        for config, seed in ((one, 1), (two, 1), (one, 2))
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first['weight_0'], other['weight_0'])


def test_a_goal_that_was_never_reached_is_worth_nothing() -> None:
    data = chain(60)
    never = Transitions(
        data.states, data.actions, data.following, np.zeros(len(data), bool), data.ended
    )
    normal = Normalization.fit(data.states, SPEC)
    critic = train_critic(never, normal, always_on, QUICK, seed=0)
    scorer = Scorer(critic_onnx(critic.net, normal, critic.weights))
    assert scorer.batch(observation=data.states, action=data.actions).mean() < 0.35


def test_no_transitions_is_an_error() -> None:
    empty = Transitions(*(np.empty((0, 3)),) * 3, np.empty(0, bool), np.empty(0, bool))
    with pytest.raises(UserError, match='at least one episode'):
        train_critic(empty, Normalization.fit(chain(1).states, SPEC), always_on, QUICK, seed=0)


def test_the_classifier_finds_where_the_policy_is_wrong() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(600, len(SPEC.frame_fields)))
    unsafe = states[:, 0] > 0.8
    normal = Normalization.fit(states, SPEC)
    net = Net(states.shape[1], 3, Head.TANH, 5, (64, 64))
    graph = train_classifier(
        states, unsafe, net, net.initial(rng), normal, ClassifierConfig(steps=800), seed=0
    )
    scorer, fresh = Scorer(graph), rng.normal(size=(400, states.shape[1]))
    found = scorer.batch(observation=fresh) > 0.5
    assert (found == (fresh[:, 0] > 0.8)).mean() > 0.9
