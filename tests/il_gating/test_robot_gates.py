"""ThriftyDAgger, SafeDAgger, LazyDAgger: who asks, who hands back, and with which thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.types import Cause, Decision, ExpertAction, Frame, Mode, Owner, Proposal
from il_gating.api import GateInputs, set_budget
from il_gating.gates.ensemble_dagger import EnsembleParams
from il_gating.gates.lazy_dagger import LazyDagger, LazyParams
from il_gating.gates.novelty import NoveltyParams
from il_gating.gates.safe_dagger import SafeDagger
from il_gating.gates.thrifty_dagger import ThriftyDagger, ThriftyParams
from tests.il_gating.rig import Rig
from tests.toy import toy_spec

SPEC = toy_spec()
HALF = (SPEC.high - SPEC.low) / 2
MEAN = np.array([0.05, 0.0, 0.04])


class FromFrame:
    """A scorer that reads its value from the first field of the frame."""

    def __call__(self, *inputs: np.ndarray) -> float:
        return float(inputs[0][0])


def inputs(
    value: float,
    novelty: float = 0.0,
    mode: Mode = Mode.AUTONOMOUS,
    human: np.ndarray | None = None,
    mean: np.ndarray | None = MEAN,
) -> GateInputs:
    """A tick where a `FromFrame` says `value`."""
    vector = np.full(len(SPEC.frame_fields), value)
    frame = Frame(0, 0, vector, (0,) * len(SPEC.observed))
    proposal = Proposal(frame, 'id', SPEC.hash, mean, novelty * HALF**2)
    expert = None if human is None else ExpertAction(0, human, True)
    return GateInputs(proposal, expert, mode)


def thrifty(**params: object) -> ThriftyDagger:
    """Fitted on 100 states with novelty 0.01 .. 1.00 and risk 1.00 .. 0.01."""
    scores = np.stack([np.arange(1, 101) / 100, np.arange(100, 0, -1) / 100], axis=1)
    made = ThriftyParams(**params)  # type: ignore[arg-type]
    return ThriftyDagger(SPEC, FromFrame(), scores, 0.3, 0.1, made)  # type: ignore[arg-type]


def test_novelty_or_risk_asks_above_its_quantile() -> None:
    gate = thrifty()

    def answer(novelty: float, risk: float) -> tuple[Owner, Cause]:
        decision = gate.decide(inputs(1 - risk, novelty))
        assert decision.thresholds == pytest.approx({'novelty': 0.9, 'risk': 0.9})
        return decision.owner, decision.cause

    assert answer(0.5, 0.5) == (Owner.POLICY, Cause.NONE)
    assert answer(0.91, 0.5) == (Owner.HUMAN, Cause.NOVELTY)
    assert answer(0.5, 0.91) == (Owner.HUMAN, Cause.RISK)
    assert answer(0.95, 0.95) == (Owner.HUMAN, Cause.NOVELTY), 'novelty is tested first'


def test_a_budget_is_shared_by_both_signals() -> None:
    decision = thrifty(calibration='budget').decide(inputs(0.5, 0.5))
    assert decision.thresholds == pytest.approx({'novelty': 0.95, 'risk': 0.95})
    assert thrifty(alpha=0.5).decide(inputs(0.5, 0.5)).thresholds['novelty'] == 0.5


def test_it_hands_back_where_both_agree_and_failure_is_not_likely() -> None:
    gate = thrifty()

    def answer(risk: float, human: np.ndarray | None, novelty: float = 0.0) -> Decision:
        return gate.decide(inputs(1 - risk, novelty, Mode.SUPERVISOR, human))

    assert answer(0.4, MEAN).owner is Owner.POLICY
    assert answer(0.6, MEAN).cause is Cause.RISK, 'above the median'
    assert answer(0.4, MEAN + HALF).cause is Cause.DISCREPANCY
    assert answer(0.4, MEAN, novelty=5.0).owner is Owner.POLICY, 'the paper asks no novelty here'
    # Nobody at the stick, so no discrepancy: novelty stands in.
    assert answer(0.4, None, novelty=0.5).owner is Owner.POLICY
    assert answer(0.4, None, novelty=5.0).cause is Cause.NOVELTY


def test_without_novelty_risk_alone_hands_back_where_nobody_is_at_the_stick() -> None:
    gate = thrifty(signals='risk')
    for novelty in (5.0, float('nan')):
        assert gate.decide(inputs(0.6, novelty, Mode.SUPERVISOR)).owner is Owner.POLICY
    budget = thrifty(calibration='budget')
    assert budget.decide(inputs(0.6, 0.94, Mode.SUPERVISOR)).owner is Owner.POLICY, 'below 0.95'


@pytest.mark.parametrize(('signals', 'other'), [('novelty', 'risk'), ('risk', 'novelty')])
def test_each_signal_can_be_left_out(signals: str, other: str) -> None:
    gate = thrifty(signals=signals)
    high = {'novelty': 0.0, 'risk': 0.0} | {other: 0.99}
    decision = gate.decide(inputs(1 - high['risk'], high['novelty']))
    assert decision.owner is Owner.POLICY
    assert set(decision.thresholds) == {signals}
    assert set(decision.scores) == {'novelty', 'risk', 'discrepancy'}
    back = gate.decide(inputs(0.1, 0.0, Mode.SUPERVISOR, MEAN))
    assert back.owner is (Owner.POLICY if signals == 'novelty' else Owner.HUMAN)


def test_thresholds_follow_what_was_seen_after_every_episode() -> None:
    gate, rng = thrifty(), np.random.default_rng(0)
    for i in range(100):
        gate.decide(inputs(0.5 + i / 1000, 2 + i / 100))
        gate.decide(inputs(0.5, 50.0, Mode.SUPERVISOR, MEAN))  # the human acted: does not count
    assert gate.decide(inputs(0.5, 0.0)).thresholds['novelty'] == 0.9, 'not within an episode'
    gate.reset(rng)
    decision = gate.decide(inputs(0.5, 0.0))
    assert decision.thresholds['novelty'] == pytest.approx(2.89, abs=0.02)
    assert decision.thresholds['risk'] == pytest.approx(0.491)


def test_few_ticks_or_a_frozen_gate_change_nothing() -> None:
    for gate, ticks in ((thrifty(), 25), (thrifty(online=False), 200)):
        for _ in range(ticks):
            gate.decide(inputs(0.5, 7.0))
        gate.reset(np.random.default_rng(0))
        assert gate.decide(inputs(0.5, 7.0)).thresholds['novelty'] == 0.9


def test_a_budget_can_be_set_while_it_runs() -> None:
    gate = thrifty()
    set_budget(gate, 0.5)
    assert gate.decide(inputs(0.5, 0.0)).thresholds['novelty'] == 0.5, 'of the fitted states'
    for i in range(100):
        gate.decide(inputs(0.5, 2 + i / 100))
    set_budget(gate, 0.2)
    assert gate.decide(inputs(0.5, 0.0)).thresholds['novelty'] == pytest.approx(2.79, abs=0.02)
    with pytest.raises(UserError, match=r'alpha is 2\.0: must be 0 to 1'):
        set_budget(gate, 2.0)
    with pytest.raises(UserError, match="gate is 'safe_dagger': has no budget"):
        set_budget(SafeDagger(FromFrame()), 0.1)  # type: ignore[arg-type]


def test_what_is_not_known_is_not_safe() -> None:
    for gate in (thrifty(), SafeDagger(FromFrame()), lazy()):  # type: ignore[arg-type]
        assert gate.decide(inputs(0.1, mean=None)).owner is Owner.HUMAN


@pytest.mark.parametrize(
    ('params', 'words'),
    [
        ({'calibration': 'papr'}, 'did you mean paper'),
        ({'signals': 'all'}, 'choices: both, novelty, risk'),
        ({'alpha': 1.5}, 'alpha is 1.5: must be 0 to 1'),
    ],
)
def test_bad_parameters_name_the_choices(params: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        ThriftyParams(**params)  # type: ignore[arg-type]


def lazy(**params: object) -> LazyDagger:
    made = LazyParams(**{'noise': 0.0, **params})  # type: ignore[arg-type]
    return LazyDagger(FromFrame(), SPEC, 0.2, made)  # type: ignore[arg-type]


def test_the_classifier_asks_and_only_agreement_ends_it() -> None:
    safe, slow = SafeDagger(FromFrame()), lazy()  # type: ignore[arg-type]
    for gate in (safe, slow):
        assert gate.decide(inputs(0.4)).owner is Owner.POLICY
        asked = gate.decide(inputs(0.6))
        assert (asked.owner, asked.cause) == (Owner.HUMAN, Cause.PREDICTED_ERROR)
    calm = inputs(0.1, 0.0, Mode.SUPERVISOR, MEAN + HALF)
    assert safe.decide(calm).owner is Owner.POLICY, 'safe: as soon as the classifier says so'
    assert slow.decide(calm).cause is Cause.DISCREPANCY, 'lazy: while both disagree'
    agreed = inputs(0.9, 0.0, Mode.SUPERVISOR, MEAN + 0.1 * HALF)
    assert slow.decide(agreed).owner is Owner.POLICY, 'whatever the classifier says'


def test_where_a_policy_does_just_what_the_human_does_it_gets_the_robot_back() -> None:
    """A discrete axis that was learned without error has thresholds of 0."""
    scores = np.full((30, 2), 0.5)
    exact = (
        ThriftyDagger(SPEC, FromFrame(), scores, 0.0, 0.1, ThriftyParams()),  # type: ignore[arg-type]
        LazyDagger(FromFrame(), SPEC, 0.0, LazyParams(noise=0.0)),  # type: ignore[arg-type]
    )
    for gate in exact:
        assert gate.decide(inputs(0.9, 0.0, Mode.SUPERVISOR, MEAN)).owner is Owner.POLICY
        other = gate.decide(inputs(0.9, 0.0, Mode.SUPERVISOR, MEAN + 0.01 * HALF))
        assert other.cause is Cause.DISCREPANCY


def test_without_hysteresis_lazy_is_safe_step_for_step() -> None:
    rng = np.random.default_rng(3)
    modes = [Mode.AUTONOMOUS, Mode.SUPERVISOR]
    gates = SafeDagger(FromFrame()), lazy(hysteresis=False)  # type: ignore[arg-type]
    for _ in range(500):
        human = MEAN + rng.normal(size=3) * HALF if rng.random() < 0.7 else None
        tick = inputs(rng.random(), 0.0, modes[rng.integers(2)], human)
        first, second = (gate.decide(tick) for gate in gates)
        assert (first.owner, first.cause) == (second.owner, second.cause)
        assert first.thresholds == second.thresholds


def test_noise_moves_the_robot_and_not_the_label() -> None:
    gate = lazy(noise=0.2)
    gate.reset(np.random.default_rng(5))
    noisy = gate.decide(inputs(0.9, 0.0, Mode.SUPERVISOR, MEAN + HALF))
    assert noisy.noise is not None
    assert noisy.noise[2] == 0, 'a gripper is no place for noise'
    assert np.abs(noisy.noise[:2]).max() > 0
    gate.reset(np.random.default_rng(5))
    again = gate.decide(inputs(0.9, 0.0, Mode.SUPERVISOR, MEAN + HALF))
    np.testing.assert_array_equal(noisy.noise, again.noise)
    assert gate.decide(inputs(0.9, 0.0, Mode.SUPERVISOR, MEAN)).noise is None, 'hands back'
    assert gate.decide(inputs(0.9)).noise is None, 'the policy acts'


class Noisy:
    """A gate for the human alone, with fixed noise."""

    name, needs_expert_action, autonomous_start = 'noisy', False, False

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def decide(self, inputs: GateInputs) -> Decision:
        return Decision(Owner.HUMAN, Cause.EXPERT_ONLY, noise=np.array([0.01, -0.01, 0.0]))


def test_the_command_has_the_noise_and_stays_within_its_limits() -> None:
    rig = Rig(Noisy(), handover='instant')
    rig.engaged, rig.human = True, np.array([0.05, 0.05, 0.08])
    rig.start()
    np.testing.assert_allclose(rig.tick(n=4).command.action, [0.06, 0.04, 0.08])
    rig.human = np.array([0.1, 0.05, 0.08])
    assert rig.tick(n=4).command.action[0] == SPEC.high[0], 'bounded after the noise'


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(UserError, match='discrepancy is nan: must be a number'):
        NoveltyParams(discrepancy=float('nan'))
    with pytest.raises(UserError, match='doubt is nan: must be a number'):
        EnsembleParams(doubt=float('nan'))
