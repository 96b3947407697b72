"""Whether a demo can be done as it was asked for: found out before its first stage, since a wrong
word would otherwise show after minutes, when the settings are already kept."""

from __future__ import annotations

import contextlib
from pathlib import Path

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.spec import Spec
from il_gating.api import GATES
from il_gating.build import parse_params
from il_gating.config import GateConfig
from il_gating.gate_file import NoCheckpoint
from il_loop.demo import EVALUATE, Settings, alone, demonstrations, interactive, real_time
from il_loop.evaluate import seed_spans
from il_loop.fits import CALLING, PROBED, probe_seeds
from il_loop.options import check_numbers
from il_loop.run_folder import RunFolder
from il_sim.api import make_world
from il_teleop.experts.config import MOST_REACTION_S


def check(settings: Settings) -> None:
    """Make sure that every stage will take its settings.

    Raises:
        UserError: an unknown task, gate, hand-over or parameter of the gate, a task without
            simulator or without a scripted human, a number out of its range, or seeds that are
            used twice.
    """
    numbers = {'seed': settings.seed, 'epochs': settings.epochs, 'alpha': settings.alpha}
    check_numbers(numbers)
    if not 0 <= settings.reaction_s <= MOST_REACTION_S:
        rule = f'must be 0 to {MOST_REACTION_S:g} seconds'
        raise UserError('--reaction-s', settings.reaction_s, rule)
    if settings.gate not in CALLING:
        raise UserError('--gate', settings.gate, 'calls nobody', CALLING)
    GateConfig(handover=settings.handover)
    spec = load_spec(settings.task)
    _check_gate(spec, settings)
    _check_human(spec)
    settings.round_config  # noqa: B018  its rules are checked as it is made
    _check_seeds(settings)


def _check_seeds(s: Settings) -> None:
    """A gate that learns from probes would be judged on seeds that it has learned from."""
    if s.gate not in PROBED:
        return
    run, numbers = RunFolder(Path()), range(s.rounds + 1)
    probes = [probe_seeds(number, s.round_config.probes) for number in numbers]
    sessions = [demonstrations(run, s), real_time(run, s), alone(run, s, 0)]
    sessions += [interactive(run, s, number) for number in range(s.rounds)]
    used = {seed for session in sessions for seed in session.seeds}
    met = sorted(used & {seed for seeds in probes for seed in seeds})
    if met:
        least, most = probes[0][0] - EVALUATE - s.evaluations, probes[-1][-1]
        rule = (
            f'its episodes would share seeds ({seed_spans(met)}) with those that the policy does '
            f'alone for the gate to learn from: choose one up to {least}, or above {most}'
        )
        raise UserError('--seed', s.seed, rule)


def _check_gate(spec: Spec, settings: Settings) -> None:
    """Build the gate without a fit, as there is none yet: it reads its parameters first."""
    params = parse_params(settings.gate_params)
    with contextlib.suppress(NoCheckpoint):
        GATES.load(settings.gate).build(spec, None, params)


def _check_human(spec: Spec) -> None:
    world = make_world(spec)
    try:
        if not world.has_supervisor:
            world.supervisor()  # says that there is none
    finally:
        world.close()
