"""A checkpoint of full size with random weights: what it costs to run, without the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from il_core.spec import Spec
from il_policy.checkpoint import PolicyFile, Training, writing
from il_policy.export import write_files
from il_policy.nets import Head, Net, outputs_of
from il_policy.normalize import Normalization


def write(path: Path, spec: Spec, seed: int = 0) -> Path:
    """Write 5 x (frame -> 256 -> 256 -> action); return its path."""
    rng = np.random.default_rng(seed)
    net = Net(len(spec.frame_fields), outputs_of(spec), Head.TANH)
    normal = Normalization.fit(rng.normal(size=(50, net.inputs)), spec)
    names = (spec.axis_names, spec.frame_fields)
    policy = PolicyFile('bc', spec, spec.hash, *names, normal, net, Training(seed, 50, 0, {}, {}))
    with writing(path) as folder:
        write_files(folder, policy, net.initial(rng))
    return path
