"""Every gate builds, resets and decides; and what each of them stands for."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Cause, ExpertAction, Frame, Mode, Owner, Proposal
from il_gating.api import GATES, Gate, GateInputs
from il_gating.build import build_core
from il_gating.config import GateConfig
from il_gating.fit import fit_novelty, predicted
from il_gating.gate_file import GATE_FILE, Fit, gate_json
from il_gating.gates.hg_dagger import HgDagger
from il_gating.gates.novelty import Novelty
from il_gating.scorer import CLASSIFIER, CRITIC
from il_policy.checkpoint import GRAPH, POLICY, Checkpoint, extend, load
from il_policy.classifier import ClassifierConfig, train_classifier
from il_policy.export import critic_onnx
from il_policy.nets import Head, Net
from il_policy.runtime import Runtime, make_runtime
from tests.il_policy.made import discrete_spec, make_checkpoint
from tests.toy import toy_spec

SPECS = {'continuous': toy_spec(), 'discrete': discrete_spec()}


def fitted(folder: Path, spec: Spec, seed: int = 0) -> tuple[Path, Runtime, np.ndarray]:
    """A random policy with a gate fitted to 200 states; returns those states, too."""
    plain = load(make_checkpoint(folder / f'plain_{seed}', spec, hidden=(16 + seed,)), spec)
    runtime = make_runtime(plain, 'numpy')
    rng = np.random.default_rng(seed)
    states = rng.normal(3, 2, (200, len(spec.frame_fields)))
    actions = np.clip(runtime.predict(states).mean, spec.low, spec.high)
    seen = rng.random((2, 200))
    scores = {'novelty': seen[0].tolist(), 'risk': seen[1].tolist()}
    safety = Fit({'unsafe': 0.5, 'tau': 0.2, 'agreement': 0.1}, 0.2, 200)
    fits = {
        'novelty': fit_novelty(spec, predicted(runtime, states), actions, alpha=0.1),
        'thrifty_dagger': Fit({'discrepancy': 0.2}, 0.1, 200, scores),
        'safe_dagger': safety,
        'lazy_dagger': safety,
        'ensemble_dagger': Fit({'discrepancy': 0.2, 'doubt': 0.1}, 0.2, 200),
    }
    files = {
        GATE_FILE: gate_json(plain.read(GRAPH), spec, fits),
        CRITIC: random_critic(plain, rng),
        CLASSIFIER: train_classifier(
            states,
            states.mean(axis=1) < 3,
            plain.policy.net,
            plain.weights(),
            plain.policy.normalization,
            ClassifierConfig(steps=100),
            seed=seed,
        ),
    }
    return extend(plain.path, folder / f'fit_{seed}', files).path, runtime, states


def random_critic(of: Checkpoint, rng: np.random.Generator) -> bytes:
    normal = of.policy.normalization
    net = Net(len(normal.mean) + len(normal.low), 1, Head.SIGMOID, 2, (8,))
    return critic_onnx(net, normal, net.initial(rng))


@pytest.fixture(scope='module', params=sorted(SPECS))
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Spec, Path, Runtime, np.ndarray]:
    spec = SPECS[request.param]
    return (spec, *fitted(tmp_path_factory.mktemp('gates'), spec))


def proposal(spec: Spec, mean: np.ndarray | None, variance: np.ndarray | None) -> Proposal:
    frame = Frame(0, 0, np.zeros(len(spec.frame_fields)), (0,) * len(spec.observed))
    return Proposal(frame, 'id', spec.hash, mean, variance)


@pytest.mark.parametrize('name', GATES.names())
def test_every_gate_answers_whatever_a_policy_offers(
    name: str, trained: tuple[Spec, Path, Runtime, np.ndarray]
) -> None:
    spec, checkpoint, _, _ = trained
    gate: Gate = GATES.load(name).build(spec, checkpoint, {})
    assert gate.name == name
    mean = spec.high.copy()
    offers = [(mean, np.full(len(mean), v)) for v in (0.0, 1e-6, 1e6)] + [
        (mean, None),
        (None, None),
    ]
    experts = [None] + [ExpertAction(0, a, e) for a in (None, spec.low) for e in (False, True)]
    seen = set()
    for mode in (Mode.HOLD, Mode.AUTONOMOUS, Mode.REQUESTING, Mode.SUPERVISOR):
        gate.reset(np.random.default_rng(0))
        for offer in offers:
            for expert in experts:
                decision = gate.decide(GateInputs(proposal(spec, *offer), expert, mode))
                assert decision.owner in (Owner.POLICY, Owner.HUMAN)
                assert decision.thresholds.keys() <= decision.scores.keys()
                assert all(math.isfinite(t) for t in decision.thresholds.values())
                if decision.owner is Owner.HUMAN:
                    assert decision.cause not in (Cause.NONE, Cause.UNKNOWN)
                seen.add(tuple(decision.scores))
    assert len(seen) == 1, 'score names must not depend on the tick'


@pytest.mark.parametrize('name', GATES.names())
def test_every_gate_refuses_a_parameter_that_it_does_not_have(name: str) -> None:
    with pytest.raises(UserError, match='treshold'):
        GATES.load(name).build(toy_spec(), None, {'treshold': 1.0})


def test_novelty_asks_on_the_share_of_states_it_was_fitted_for(
    trained: tuple[Spec, Path, Runtime, np.ndarray],
) -> None:
    spec, checkpoint, runtime, states = trained
    gate = Novelty.build(spec, checkpoint, {})
    asked = 0
    for state in states:
        out = runtime.decide(state)
        inputs = GateInputs(proposal(spec, out.mean, out.variance), None, Mode.AUTONOMOUS)
        asked += gate.decide(inputs).owner is Owner.HUMAN
    # One more than a tenth: the state that is the quantile, where a batch rounds unlike one alone.
    assert asked <= 21
    assert asked >= 15 or spec is SPECS['discrete']


def test_novelty_gives_back_only_where_it_knows_and_agrees_with_the_human() -> None:
    spec = toy_spec()
    gate = Novelty.build(spec, None, {'novelty': 0.5, 'hand_back': 0.1, 'discrepancy': 0.2})
    mean, half = np.array([0.05, 0.0, 0.04]), (spec.high - spec.low) / 2

    def answer(novelty: float, action: np.ndarray | None, mode: Mode) -> tuple[Owner, Cause]:
        expert = None if action is None else ExpertAction(0, action, True)
        inputs = GateInputs(proposal(spec, mean, novelty * half**2), expert, mode)
        decision = gate.decide(inputs)
        return decision.owner, decision.cause

    assert answer(0.4, None, Mode.AUTONOMOUS) == (Owner.POLICY, Cause.NONE)
    assert answer(0.6, None, Mode.AUTONOMOUS) == (Owner.HUMAN, Cause.NOVELTY)
    assert answer(0.4, mean, Mode.SUPERVISOR) == (Owner.HUMAN, Cause.NOVELTY)
    assert answer(0.05, mean + half, Mode.SUPERVISOR) == (Owner.HUMAN, Cause.DISCREPANCY)
    assert answer(0.05, mean + 0.1 * half, Mode.SUPERVISOR) == (Owner.POLICY, Cause.NONE)
    assert answer(0.05, None, Mode.SUPERVISOR) == (Owner.POLICY, Cause.NONE)


def test_hg_dagger_follows_the_dead_man_and_records_the_papers_doubt() -> None:
    spec = toy_spec()
    gate = HgDagger.build(spec, None, {})
    half = (spec.high - spec.low) / 2
    seen = proposal(spec, np.zeros(3), np.array([3.0, 4.0, 0.0]) * half**2)

    def owner(engaged: bool, mode: Mode) -> Owner:
        expert = ExpertAction(0, np.zeros(3), engaged)
        decision = gate.decide(GateInputs(seen, expert, mode))
        assert decision.scores['doubt'] == pytest.approx(5.0)
        return decision.owner

    assert owner(False, Mode.AUTONOMOUS) is Owner.POLICY
    assert owner(True, Mode.AUTONOMOUS) is Owner.HUMAN
    assert owner(True, Mode.SUPERVISOR) is Owner.HUMAN
    # Released by button, hand still on the dead-man: the policy keeps the robot until it let go.
    assert owner(True, Mode.AUTONOMOUS) is Owner.POLICY
    assert owner(True, Mode.AUTONOMOUS) is Owner.POLICY
    assert owner(False, Mode.AUTONOMOUS) is Owner.POLICY
    assert owner(True, Mode.AUTONOMOUS) is Owner.HUMAN


def test_a_gate_without_its_fit_or_with_that_of_another_policy_is_refused(tmp_path: Path) -> None:
    spec = toy_spec()
    with pytest.raises(UserError, match='needs one with its fit'):
        Novelty.build(spec, None, {})
    first, _, _ = fitted(tmp_path, spec)
    second = make_checkpoint(tmp_path / 'second', spec, hidden=(5,))
    with pytest.raises(UserError, match='never fitted'):
        Novelty.build(spec, second, {})
    crossed = extend(second, tmp_path / 'x', {GATE_FILE: load(first).read(GATE_FILE)}).path
    with pytest.raises(UserError, match='fitted for another policy'):
        Novelty.build(spec, crossed, {})
    assert build_core(spec, 'novelty', GateConfig(), first).checkpoint_id == load(first).id


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ('gate', 'change', 'words'),
    [
        (
            'novelty',
            lambda f: f['gates']['novelty']['thresholds'].pop('hand_back'),
            "novelty: thresholds is .*'novelty'.*: needs the key 'hand_back'",
        ),
        (
            'lazy_dagger',
            lambda f: f['gates']['lazy_dagger'].update(thresholds={}),
            "needs the key 'agreement'",
        ),
        (
            'ensemble_dagger',
            lambda f: f['gates']['ensemble_dagger']['thresholds'].update(doubt='0.1'),
            "ensemble_dagger: thresholds: doubt is '0.1': must be a number",
        ),
        (
            'novelty',
            lambda f: f['gates']['novelty']['thresholds'].update(novelty=math.nan),
            'novelty: thresholds: novelty is nan: must be a number',
        ),
        (
            'hg_dagger',
            lambda f: f['gates'].update(hg_dagger={'thresholds': [0.1], 'alpha': 0, 'rows': 1}),
            r'hg_dagger: thresholds is \[0.1\]: must be a mapping',
        ),
        (
            'dagger',
            lambda f: f['gates'].update(dagger={'thresholds': {}, 'alpha': 0, 'rows': 0}),
            "dagger: thresholds is .*: needs the key 'iteration'",
        ),
        (
            'thrifty_dagger',
            lambda f: f['gates']['thrifty_dagger'].pop('scores'),
            r"thrifty_dagger: scores is \[\]: needs the key 'novelty'",
        ),
        (
            'thrifty_dagger',
            lambda f: f['gates']['thrifty_dagger']['scores']['risk'].pop(),
            r'scores is \[200, 199\]: must be of equally many states',
        ),
        (
            'thrifty_dagger',
            lambda f: f['gates']['thrifty_dagger']['scores'].update(risk=0.5),
            r'thrifty_dagger: scores: risk is 0\.5: must be a list',
        ),
        ('novelty', lambda f: f['gates'].update(novelty=3), 'gates: novelty is 3: must be a map'),
        (
            'novelty',
            lambda f: f.update(spec_hash='0' * 16),
            "spec_hash is '0{16}': fitted for another robot or task than",
        ),
    ],
)
def test_what_a_gate_reads_in_a_fit_that_somebody_edited_is_looked_for(
    tmp_path: Path, gate: str, change: Change, words: str
) -> None:
    spec = toy_spec()
    made, _, _ = fitted(tmp_path, spec)
    edited = json.loads(load(made).read(GATE_FILE))
    change(edited)
    text = json.dumps(edited).encode()
    checkpoint = extend(made, tmp_path / 'edited', {GATE_FILE: text}).path
    with pytest.raises(UserError, match=f'edited/gate.json.*{words}'):
        GATES.load(gate).build(spec, checkpoint, {})


def test_a_spec_hash_of_an_earlier_version_holds(tmp_path: Path) -> None:
    """Where a later one has more keys, with defaults, the same spec hashes to something else."""
    spec = toy_spec()
    made, _, _ = fitted(tmp_path, spec)
    files = {}
    for name in (GATE_FILE, POLICY):
        old = json.loads(load(made).read(name)) | {'spec_hash': '0' * 16}
        files[name] = json.dumps(old).encode()
    assert Novelty.build(spec, extend(made, tmp_path / 'old', files).path, {})


def test_an_unknown_gate_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r'hg_dagger.*did you mean novelty'):
        build_core(toy_spec(), 'noveltie', GateConfig())


@pytest.mark.parametrize(
    ('name', 'params'),
    [('dagger', {}), ('ensemble_dagger', {'discrepancy': 0.2, 'doubt': 0.1})],
)
def test_a_gate_that_must_see_the_expert_at_every_step_is_refused_with_one_who_comes_and_goes(
    name: str, params: dict[str, object]
) -> None:
    with pytest.raises(UserError, match=r'acts at every tick.*--style always'):
        build_core(toy_spec(), name, GateConfig(), params=params)
    assert build_core(toy_spec(), name, GateConfig(), params=params, continuous_labels=True)
