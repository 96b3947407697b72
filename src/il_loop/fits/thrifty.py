"""Critic and thresholds of gate `thrifty_dagger`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from il_core.distance import Distance
from il_core.types import Outcome, Vector
from il_data.episode import Episode
from il_gating.calibrate import calibrate
from il_gating.fit import predicted
from il_gating.gate_file import Fit
from il_gating.measure import Measure
from il_gating.scorer import CRITIC, Scorer
from il_loop.gate_fit import ENOUGH, FitInputs, Fitting
from il_policy.critic import Transitions, train_critic
from il_policy.export import critic_onnx

ALPHA = 0.01
KEPT = 5000  # newest states whose scores go into the checkpoint


def fit(inputs: FitInputs) -> Fitting:
    """Train the critics on all episodes and probes, and judge the policy's own states.

    delta_r, the mean squared distance of policy and human on the rows that were trained on, is
    that of the first round with this gate for good.
    """
    alpha = ALPHA if inputs.alpha is None else inputs.alpha
    policy, runtime = inputs.policy, inputs.runtime
    critic = train_critic(
        transitions([*inputs.episodes, *inputs.probes]),
        policy.normalization,
        lambda states: predicted(runtime, states).mean,
        inputs.critic,
        seed=inputs.seed,
        progress=inputs.progress,
    )
    graph = critic_onnx(critic.net, policy.normalization, critic.weights)
    states, words = inputs.own_states()
    if len(states) < ENOUGH:
        states, words = inputs.columns.observations[inputs.judged_rows], 'held-out labels'
    states = states[-KEPT:]
    output = predicted(runtime, states)
    novelty = Measure(inputs.spec).novelty(output.variance)
    risk = 1 - Scorer(graph).batch(observation=states, action=output.mean)
    limits = calibrate(np.stack([novelty, risk], axis=1), alpha, 'paper')
    thresholds = {
        'novelty': float(limits[0]),
        'risk': float(limits[1]),
        'hand_back_risk': float(np.median(risk)),
        'discrepancy': inputs.settled('discrepancy', lambda: _discrepancy(inputs)),
    }
    scores = {'novelty': tuple(novelty.tolist()), 'risk': tuple(risk.tolist())}
    made = Fit(thresholds, alpha, len(states), scores)
    return Fitting({inputs.gate: made}, words, {CRITIC: graph})


def transitions(episodes: Sequence[Episode]) -> Transitions:
    """Return every step of the episodes, whoever acted.

    The last step of an episode reached the goal, or ended it (failure, time-out); that of an
    aborted one is left out, since nobody knows what would have come. So is a step without a
    usable frame before or after it.
    """
    columns = zip(*map(_steps, episodes), strict=True)
    return Transitions(*map(np.concatenate, columns))


def _steps(episode: Episode) -> tuple[Vector, Vector, Vector, Vector, Vector]:
    frames, n = episode.frames, len(episode)
    following = np.concatenate([frames[1:], frames[-1:]])
    last = np.arange(n) == n - 1
    reached = last & (episode.outcome is Outcome.SUCCESS)
    ended = last & (episode.outcome in (Outcome.FAILURE, Outcome.TIMEOUT))
    known = ~last | reached | ended
    known &= np.isfinite(frames).all(axis=1) & np.isfinite(following).all(axis=1)
    columns = (frames, episode.commands, following, reached, ended)
    a, b, c, d, e = (column[known] for column in columns)
    return a, b, c, d, e


def _discrepancy(inputs: FitInputs) -> float:
    rows = inputs.parts.train
    wanted = predicted(inputs.runtime, inputs.columns.observations[rows]).mean
    return Distance(inputs.spec.axes).root_mean_square(wanted, inputs.columns.actions[rows])
