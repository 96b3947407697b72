"""Rollouts of the toy task as real bags: what the recorder would have written."""

from __future__ import annotations

import dataclasses

import numpy as np

from il_core.types import NO_PRESSES, Step
from il_data.manifest import Manifest
from il_loop.rollout import Rollout
from tests.il_data.fake import IL, Rig, make, time
from tests.toy import ToyWorld


def record(rig: Rig, made: Rollout) -> Manifest:
    """Write one rollout through the recorder of `rig` and return its manifest."""
    rig.announce()
    start_ns = rig.now_ns
    episode_id = rig.recorder.start(made.seed, 'ada', 1_795_000_000.0 + start_ns * 1e-9, start_ns)
    world = ToyWorld(rig.spec)
    world.reset(made.seed)
    for step in made.steps:
        rig._sense(world, step.command.tick, rig.now_ns)
        send(rig, step, episode_id)
        world.step(step.command.action)
        rig.now_ns += rig.spec.period_ns
    rig.outcome(made.outcome)
    return rig.settle()


def send(rig: Rig, step: Step, episode_id: str) -> None:
    """Send the own messages of one tick, stamped now."""
    stamp, proposal, state = rig.now_ns, step.proposal, step.state
    none = np.zeros(0)
    stamps = [time(stamp)] * len(rig.spec.observed)
    fields = {
        'tick': step.command.tick,
        'checkpoint_id': proposal.checkpoint_id,
        'spec_hash': rig.spec.hash,
        'frame': proposal.frame.vector,
        'stream_stamps': stamps,
    }
    if proposal.mean is not None:
        fields |= {'mean': proposal.mean, 'variance': proposal.variance}
        fields |= {'members': len(proposal.members), 'member_actions': proposal.members.ravel()}
    rig.send('/policy/proposal', make(IL + 'Proposal', stamp, **fields))
    if step.expert is not None:
        action = none if step.expert.action is None else step.expert.action
        presses = np.array(NO_PRESSES, np.uint32)
        expert = {'engaged': step.expert.engaged, 'action': action, 'presses': presses}
        rig.send('/teleop/action', make(IL + 'ExpertAction', stamp, **expert))
    sent = dataclasses.asdict(step.command)
    keep = {k: sent[k] for k in ('tick', 'action', 'transition')}
    who = {'mode': int(step.command.mode), 'owner': int(step.command.owner)}
    rig.send(
        '/command', make(IL + 'Command', stamp, axes=list(rig.spec.axis_names), **keep, **who)
    )
    limits = [state.thresholds.get(name, np.nan) for name in state.scores]
    rig.send(
        '/gate/status',
        make(
            IL + 'GateStatus',
            stamp,
            tick=state.tick,
            episode_id=episode_id,
            step=state.step,
            cause=int(state.cause),
            detail=state.detail,
            gate=state.gate,
            checkpoint_id=state.checkpoint_id,
            observation_age_s=state.observation_age_s,
            joystick_age_s=state.joystick_age_s,
            joystick_timeout_s=state.joystick_timeout_s,
            score_names=list(state.scores),
            scores=np.array(list(state.scores.values())),
            thresholds=np.array(limits),
            **who,
        ),
    )
