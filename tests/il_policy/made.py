"""A small checkpoint with random weights: everything but the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from il_core.spec import Axis, RobotSpec, Spec, TaskSpec
from il_core.types import AxisKind
from il_policy.checkpoint import PolicyFile, Training, writing
from il_policy.export import write_files
from il_policy.nets import Head, Net, head_of, outputs_of
from il_policy.normalize import Normalization
from tests.toy import toy_spec


def discrete_spec() -> Spec:
    """The toy with one discrete axis of the classes 0, 1, 2."""
    toy = toy_spec()
    axes = (Axis('push', AxisKind.DISCRETE, 0, 2),)
    robot = RobotSpec('toy', 20.0, axes, toy.robot.streams)
    return Spec(robot, TaskSpec('toy_push', 'toy', 2.0, streams=toy.task.streams))


def policy_file(
    spec: Spec, head: Head = Head.TANH, hidden: tuple[int, ...] = (16, 8)
) -> PolicyFile:
    """Return what policy.json would hold for an untrained net of `spec`."""
    rng = np.random.default_rng(1)
    net = Net(len(spec.frame_fields), outputs_of(spec), head_of(spec, head), 3, hidden)
    seen = rng.normal(3, 2, (50, net.inputs))
    return PolicyFile(
        'bc',
        spec,
        spec.hash,
        spec.axis_names,
        spec.frame_fields,
        Normalization.fit(seen, spec),
        net,
        Training(0, 50, 0, {}, {}),
    )


def make_checkpoint(
    path: Path, spec: Spec, head: Head = Head.TANH, hidden: tuple[int, ...] = (16, 8)
) -> Path:
    """Write a checkpoint with random weights; return its path."""
    policy = policy_file(spec, head, hidden)
    with writing(path) as tmp:
        write_files(tmp, policy, policy.net.initial(np.random.default_rng(0)))
    return path
