"""Who takes part in an episode: policy, gate, operator, put together from their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from il_data.episode import Episode
from il_gating.build import build_gate
from il_gating.config import GateConfig
from il_gating.core import GateCore
from il_loop.rollout import Loop
from il_policy.api import POLICIES, Policy
from il_sim.api import World
from il_teleop.api import EXPERTS
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick

# What a simulation may do by itself; everything else as in the nodes.
SIMULATED = GateConfig(auto_start=True, auto_resume=True)
# The papers' semantics: a switch costs no step, one tick is enough to hand back.
INSTANT = GateConfig(
    handover='instant', hand_back_ticks=1, auto_return=True, auto_start=True, auto_resume=True
)


@dataclass(frozen=True)
class Cast:
    """Names and parameters. `operator` None: no human. `policy` empty: bc where there is a
    checkpoint, else none."""

    gate: str = 'policy_only'
    gate_params: Mapping[str, Any] = field(default_factory=dict)
    config: GateConfig = SIMULATED
    operator: Mapping[str, Any] | None = None
    joystick: str = 'scripted'
    policy: str = ''

    @property
    def human(self) -> str:
        """The simulated human and how control reaches him, in words; empty where there is none."""
        if self.operator is None:
            return ''
        model = ', '.join(f'{name} {value}' for name, value in self.operator.items())
        return f'simulated ({model}), hand-over {self.config.handover}'


DEMONSTRATE = Cast('expert_only', operator={'style': 'always'})
ALONE = Cast('policy_only')
ASSISTED = Cast('novelty', operator={'style': 'on_request'})


def aided(gate: str, params: Mapping[str, Any] | None = None) -> Cast:
    """Return a gate with a scripted human, hand-over `instant`: one who watches where he is the
    gate himself, otherwise one who is always there."""
    style = 'own_judgement' if gate == 'hg_dagger' else 'always'
    return Cast(gate, params or {}, config=INSTANT, operator={'style': style})


def make_loop(
    world: World, cast: Cast, checkpoint: Path | None = None, policy: Policy | None = None
) -> Loop:
    """Return the loop of a world with this cast; `policy` replaces the one of the checkpoint.

    Raises:
        UserError: an unknown name, a checkpoint that is missing or of another spec, or an operator
            in a world without a supervisor to follow.
    """
    spec = world.spec
    if policy is None:
        name = cast.policy or ('bc' if checkpoint else 'none')
        policy = POLICIES.load(name)(spec, checkpoint)
    assert policy is not None
    mapping = load_joystick(cast.joystick)
    operator = None
    if cast.operator is not None:
        if not world.has_supervisor:
            world.supervisor()  # says that there is none
        operator = EXPERTS.load('scripted').build(spec, mapping, cast.operator)
    always = operator is not None and operator.continuous_labels
    fitted = build_gate(spec, cast.gate, checkpoint, cast.gate_params, always)
    core = GateCore(spec, fitted, cast.config)
    if operator is None:
        return Loop(world, policy, core)
    return Loop(world, policy, core, operator, JoystickMapper(mapping, spec))


def play(
    loop: Loop,
    seeds: Iterable[int],
    name: str = 'rollout',
    progress: Callable[[Episode], None] | None = None,
) -> list[Episode]:
    """Run one episode per seed and return them; `progress` is called after each."""
    episodes = []
    for seed in seeds:
        episodes.append(loop.episode(seed, f'{name}_{seed}').episode())
        if progress is not None:
            progress(episodes[-1])
    return episodes
