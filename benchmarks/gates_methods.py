"""The rows of gates.py: what collects, who helps, how it is learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from il_core.structure import plain, structure
from il_gating.config import GateConfig
from il_loop.cast import DEMONSTRATE, INSTANT, SIMULATED, Cast
from il_teleop.experts.config import ScriptedConfig

ALWAYS: Mapping[str, Any] = {'style': 'always'}
WATCHING: Mapping[str, Any] = {
    'style': 'own_judgement',
    'takeover_distance': 0.25,
    'takeover_ticks': 5,
    'release_distance': 0.125,
    'release_ticks': 5,
}


@dataclass(frozen=True)
class Method:
    """A row of the table. `gate` empty: cloning alone; `alpha` None: as the gate's paper has it;
    `aided`: parameters of the gate in the evaluation with help; `matched`: asks at the rate of
    that method with the same seed, for its mean stay; `weighting`: of the labels."""

    words: str
    gate: str = ''
    params: Mapping[str, Any] = field(default_factory=dict)
    operator: Mapping[str, Any] = field(default_factory=lambda: ALWAYS)
    alpha: float | None = None
    aided: Mapping[str, Any] = field(default_factory=dict)
    config: GateConfig = INSTANT
    matched: str = ''
    weighting: str = ''
    demonstrate: Cast = DEMONSTRATE

    @property
    def human(self) -> dict[str, Any]:
        """Return the simulated human and how control reaches him, for the record."""
        model = plain(structure(ScriptedConfig, dict(self.operator), 'operator'))
        handover = {key: getattr(self.config, key) for key in HANDOVER}
        return {**model, **handover}

    @property
    def about(self) -> dict[str, Any]:
        """Return what makes a row what it is, for the record."""
        shown = self.demonstrate
        demonstrated = {
            'gate': shown.gate,
            'params': dict(shown.gate_params),
            'human': shown.human,
        }
        return {
            'human': self.human if self.gate else {},
            'gate': self.gate,
            'gate_params': dict(self.params),
            'weighting': self.weighting,
            'demonstrated': demonstrated,
        }

    def cast(self, **params: Any) -> Cast:
        return Cast(
            self.gate, {**self.params, **params}, config=self.config, operator=dict(self.operator)
        )


FROZEN = {'online': False}
QUIET = {'noise': 0.0}
HANDOVER = ('handover', 'latency_s', 'hand_back_ticks', 'auto_return')
LATE = {'style': 'on_request', 'reaction_s': 0.5}
THRIFTY = Method('novelty and risk, alpha 0.01, paper', 'thrifty_dagger', aided=FROZEN)
METHODS = {
    'bc': Method('30 demonstrations'),
    'bc_equal': Method('demonstrations alone, as many labels as thrifty'),
    'safe': Method('classifier, tau at 20 % of the first labels', 'safe_dagger'),
    'lazy': Method('classifier with hysteresis, no noise', 'lazy_dagger', {'noise': 0.0}),
    'hg': Method('human judges: above 0.25 for 5 ticks', 'hg_dagger', operator=WATCHING),
    'thrifty': THRIFTY,
    'thrifty_no_novelty': replace(THRIFTY, words='risk alone asks', params={'signals': 'risk'}),
    'thrifty_no_risk': replace(THRIFTY, words='novelty alone asks', params={'signals': 'novelty'}),
    'thrifty_budget': replace(
        THRIFTY, words='the union meets alpha 0.01', params={'calibration': 'budget'}
    ),
    'dagger': Method('every state labelled, beta 0', 'dagger'),
    'ensemble': Method('discrepancy and doubt, each at 20 % of the labels', 'ensemble_dagger'),
    'random': Method(
        'at random, at the rate and mean stay of thrifty', 'random', matched='thrifty'
    ),
    'lazy_noise': Method(
        'lazy, noise 0.05 on what the human does', 'lazy_dagger', {'noise': 0.05}, aided=QUIET
    ),
    'bc_noise': Method(
        '30 demonstrations, noise 0.2 on what is sent',
        demonstrate=replace(DEMONSTRATE, gate_params={'noise': 0.2}),
    ),
    'hg_iwr': Method(
        'hg, interventions weigh half', 'hg_dagger', operator=WATCHING, weighting='iwr'
    ),
    'thrifty_sirius': replace(THRIFTY, words='thrifty, weighted by sirius', weighting='sirius'),
    'thrifty_late': replace(
        THRIFTY,
        words='hand-over by request, the human reacts within 0.5 s',
        config=SIMULATED,
        operator=LATE,
    ),
    'thrifty_noisy': replace(
        THRIFTY, words='the human errs: noise 0.1', operator={**ALWAYS, 'noise': 0.1}
    ),
    'thrifty_busy': replace(
        THRIFTY,
        words='the human drives for at most 2 s an episode',
        operator={**ALWAYS, 'attention_s': 2.0},
    ),
    'hg_strict': Method(
        'human judges: above 0.1 for 5 ticks',
        'hg_dagger',
        operator={**WATCHING, 'takeover_distance': 0.1, 'release_distance': 0.05},
    ),
}
