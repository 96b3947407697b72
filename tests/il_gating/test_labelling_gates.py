"""DAgger, EnsembleDAgger, random, and the doubt of HG-DAgger: the papers' rules, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.types import Cause, Decision, ExpertAction, Frame, Mode, Owner, Proposal
from il_gating.api import GATES, GateInputs
from il_gating.config import GateConfig
from il_gating.gates.dagger import Dagger, DaggerParams
from il_gating.gates.ensemble_dagger import EnsembleDagger
from il_gating.gates.random import Random, RandomParams
from il_loop.cast import DEMONSTRATE, Cast, make_loop
from tests.il_gating.rig import Rig
from tests.toy import ToyWorld, toy_spec

SPEC = toy_spec()
HALF = (SPEC.high - SPEC.low) / 2
MEAN = np.array([0.05, 0.0, 0.04])


def tick(
    mode: Mode = Mode.AUTONOMOUS,
    variance: float | None = 0.0,
    apart: float | None = 0.0,
    engaged: bool = True,
) -> GateInputs:
    """Variance per axis in normalised units; `apart`: of the human from the policy on each axis,
    None where there is no human."""
    frame = Frame(0, 0, np.zeros(len(SPEC.frame_fields)), (0,) * len(SPEC.observed))
    spread = None if variance is None else variance * HALF**2
    expert = None if apart is None else ExpertAction(0, MEAN + apart * HALF, engaged)
    return GateInputs(Proposal(frame, 'id', SPEC.hash, MEAN, spread), expert, mode)


def share(gate: Dagger | Random, mode: Mode, n: int = 4000) -> float:
    gate.reset(np.random.default_rng(1))
    return sum(gate.decide(tick(mode)).owner is Owner.HUMAN for _ in range(n)) / n


def test_beta_is_the_schedule_of_the_paper() -> None:
    def betas(schedule: str, **more: object) -> list[float]:
        made = [DaggerParams(schedule, i, **more) for i in range(1, 6)]  # type: ignore[arg-type]
        return [params.share for params in made]

    assert betas('indicator') == [1, 0, 0, 0, 0]
    assert betas('exponential', p=0.5) == [1, 0.5, 0.25, 0.125, 0.0625]
    assert betas('linear', iterations=4) == [1, 0.75, 0.5, 0.25, 0]
    assert betas('linear') == [1 - before / 15 for before in range(5)]
    assert DaggerParams('exponential', 3).share == 0.25
    assert DaggerParams('exponential', 3, beta=0.7).share == 0.7


@pytest.mark.parametrize('mode', [Mode.AUTONOMOUS, Mode.SUPERVISOR])
@pytest.mark.parametrize('beta', [0.0, 0.3, 1.0])
def test_the_coin_of_dagger_falls_at_every_step_whoever_acted_before(
    mode: Mode, beta: float
) -> None:
    assert share(Dagger(beta), mode) == pytest.approx(beta, abs=0.03 if 0 < beta < 1 else 0)


def test_while_nobody_acts_no_coin_is_thrown() -> None:
    gates = Dagger(0.5), Dagger(0.5)
    for gate, ticks in zip(gates, (0, 7), strict=True):
        gate.reset(np.random.default_rng(4))
        for _ in range(ticks):
            assert gate.decide(tick(Mode.HOLD)).owner is Owner.POLICY
    first, second = ([g.decide(tick()).owner for _ in range(50)] for g in gates)
    assert first == second, 'steps do not depend on how long the robot waited'


def test_random_asks_at_its_rate_and_the_human_stays_for_its_duration() -> None:
    assert share(Random(RandomParams(0.2, 5)), Mode.AUTONOMOUS) == pytest.approx(0.2, abs=0.02)
    rig = Rig(
        Random(RandomParams(1.0, 5)), handover='instant', hand_back_ticks=1, auto_return=True
    )
    rig.engaged = True
    rig.start()
    rig.tick(n=14)
    owners = [m is Mode.SUPERVISOR for m in rig.modes()[1:]]
    assert owners[:12] == [True] * 5 + [False] + [True] * 5 + [False]
    assert rig.outputs[1].state.cause is Cause.CHANCE


def ensemble(signals: str) -> EnsembleDagger:
    limits = {'discrepancy': 0.2, 'doubt': 0.1}
    params = {k: v for k, v in limits.items() if signals in ('both', k)} | {'signals': signals}
    return EnsembleDagger.build(SPEC, None, params)


@pytest.mark.parametrize('mode', [Mode.AUTONOMOUS, Mode.SUPERVISOR])
def test_the_ensemble_acts_where_it_agrees_and_is_sure(mode: Mode) -> None:
    def answer(signals: str, variance: float | None, apart: float | None) -> Decision:
        return ensemble(signals).decide(tick(mode, variance, apart))

    sure, unsure = 0.05, 0.06  # times sqrt(3 axes): 0.087 and 0.104
    assert answer('both', sure, 0.2).owner is Owner.POLICY, 'at most, in both'
    assert answer('both', sure, 0.21).cause is Cause.DISCREPANCY
    assert answer('both', unsure, 0.0).cause is Cause.DOUBT
    assert answer('discrepancy', unsure, 0.2).owner is Owner.POLICY
    assert answer('discrepancy', sure, 0.21).owner is Owner.HUMAN
    assert answer('doubt', sure, 9.0).owner is Owner.POLICY
    assert answer('doubt', unsure, 0.0).owner is Owner.HUMAN
    assert answer('both', None, 0.0).owner is Owner.HUMAN, 'what is not known is not safe'
    assert answer('both', 0.0, None).cause is Cause.DISCREPANCY
    assert set(answer('doubt', sure, 0.0).thresholds) == {'doubt'}


def test_a_human_who_let_go_of_the_dead_man_says_nothing() -> None:
    assert ensemble('both').decide(tick(engaged=False)).cause is Cause.DISCREPANCY


def test_for_min_duration_the_human_keeps_what_a_gate_gave() -> None:
    def modes(ticks: int) -> list[Mode]:
        rig = Rig(
            Random(RandomParams(1.0, 1)),
            handover='instant',
            hand_back_ticks=1,
            auto_return=True,
            min_duration_ticks=ticks,
        )
        rig.engaged = True
        rig.start()
        rig.tick(n=9)
        return rig.modes()[1:]

    human, policy = Mode.SUPERVISOR, Mode.AUTONOMOUS
    assert modes(1)[:4] == [human, policy, human, policy]
    assert modes(4)[:6] == [human] * 4 + [policy, human]


def test_demonstrations_can_have_noise_that_is_sent_and_not_learned() -> None:
    loop = make_loop(ToyWorld(), Cast('expert_only', {'noise': 0.3}, operator={'style': 'always'}))
    again = make_loop(
        ToyWorld(), Cast('expert_only', {'noise': 0.3}, operator={'style': 'always'})
    )
    plain = make_loop(ToyWorld(), DEMONSTRATE)
    noisy, same, clean = (each.episode(3, 'demo').episode() for each in (loop, again, plain))
    np.testing.assert_array_equal(noisy.commands, same.commands)
    apart = np.abs(noisy.commands - noisy.expert_actions)
    assert apart[:, 2].max() == pytest.approx(0, abs=1e-6), 'a gripper is no place for noise'
    assert 0.005 < apart[1:-1, :2].mean() < 0.1
    assert np.abs(clean.commands - clean.expert_actions).max() < 1e-6


@pytest.mark.parametrize(
    ('gate', 'params', 'words'),
    [
        ('dagger', {'schedule': 'exponentiel'}, 'did you mean exponential'),
        ('dagger', {'beta': 1.5}, r'beta is 1\.5: must be 0 to 1'),
        ('dagger', {'iteration': 0}, 'iteration is 0: must be at least 1'),
        ('dagger', {'p': 0.7}, r'p is 0\.7: is of schedule exponential, and this is indicator'),
        (
            'dagger',
            {'schedule': 'exponential', 'iteration': 2, 'iterations': 4},
            'iterations is 4: is of schedule linear, and this is exponential',
        ),
        (
            'dagger',
            {'schedule': 'linear'},
            'iteration is None: must be given for schedule linear .*il round --gate dagger',
        ),
        ('random', {'rate': -0.1}, r'rate is -0\.1: must be 0 to 1'),
        ('expert_only', {'noise': -1.0}, 'noise is -1.0: must be 0 or above'),
        ('random', {'duration': 0}, 'duration is 0: must be at least 1'),
        ('ensemble_dagger', {'signals': 'all'}, 'choices: both, discrepancy, doubt'),
        (
            'ensemble_dagger',
            {'signals': 'doubt', 'doubt': 0.1, 'discrepancy': 0.2},
            r'discrepancy is 0\.2: does nothing with signals doubt.*choices: both, discrepancy',
        ),
        (
            'ensemble_dagger',
            {'signals': 'discrepancy', 'discrepancy': 0.2, 'doubt': 0.1},
            r'doubt is 0\.1: does nothing with signals discrepancy.*choices: both, doubt',
        ),
        ('ensemble_dagger', {'doubt': 0.1}, 'needs one with its fit'),
    ],
)
def test_bad_parameters_name_the_choices(gate: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        GATES.load(gate).build(SPEC, None, params)
    with pytest.raises(UserError, match='min_duration_ticks is 0'):
        GateConfig(min_duration_ticks=0)
    with pytest.raises(UserError, match='timeout_s is inf: must be a finite number above 0'):
        GateConfig(timeout_s=float('inf'))
