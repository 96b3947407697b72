"""Fit a gate to a policy that was just trained, from the same episodes, into its checkpoint."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from il_core.spec import Spec
from il_core.structure import structure
from il_core.types import Owner, Vector
from il_data.dataset import Columns
from il_data.episode import Episode
from il_gating.api import GATES
from il_gating.gate_file import GATE_FILE, Fit, gate_json
from il_loop.fits import FITS
from il_policy.bc import BcConfig
from il_policy.checkpoint import GRAPH, POLICY, WEIGHTS, PolicyFile
from il_policy.critic import CriticConfig
from il_policy.fitting import Progress
from il_policy.nets import Weights
from il_policy.runtime import OnnxRuntime
from il_policy.sampling import Split, split

# Fewer own states of the policy than this say little about a quantile.
ENOUGH = 25


@dataclass(frozen=True, eq=False)
class FitInputs:
    """What a gate can be fitted to.

    Attributes:
        gate: registry name.
        number: of the round.
        folder: holds policy.json, policy.onnx and weights.safetensors; not finished yet.
        columns: the human's labels, whatever else the policy was trained from.
        trained: (N,) which episode each row of the training was from; without weight, it is none.
        episodes: all there are; `new`: collected last, most often since the round before.
        probes: of this very policy, alone; may be none.
        kept: folder for what takes long, so that a fit that was stopped goes on from there; goes
            with the end of the round.
        bc, seed: as in the training. `critic`: how critics are trained.
        alpha: share of states on which the gate may ask; None: as the gate's paper has it.
        fixed: thresholds of the first round with this gate, for those that stay; empty in it.
        progress: called with the steps of a critic done; `training`: as that of `bc.train`, where
            the fit trains policies.
    """

    gate: str
    number: int
    folder: Path
    columns: Columns
    trained: NDArray[np.int64]
    episodes: Sequence[Episode]
    new: Sequence[Episode]
    probes: Sequence[Episode]
    kept: Path
    bc: BcConfig
    seed: int
    critic: CriticConfig
    alpha: float | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    progress: Callable[[int], None] | None = None
    training: Callable[[Progress], None] | None = None

    def settled(self, name: str, fit: Callable[[], float]) -> float:
        """Return a threshold that stays what the first round with this gate made it."""
        return self.fixed[name] if name in self.fixed else fit()

    @functools.cached_property
    def policy(self) -> PolicyFile:
        return structure(PolicyFile, json.loads((self.folder / POLICY).read_text()), POLICY)

    @property
    def spec(self) -> Spec:
        return self.policy.spec

    @functools.cached_property
    def graph(self) -> bytes:
        """Contents of policy.onnx."""
        return (self.folder / GRAPH).read_bytes()

    @functools.cached_property
    def runtime(self) -> OnnxRuntime:
        return OnnxRuntime(self.graph)

    @functools.cached_property
    def weights(self) -> Weights:
        weights: Weights = load((self.folder / WEIGHTS).read_bytes())
        return weights

    @functools.cached_property
    def parts(self) -> Split:
        """Rows of `columns` that were trained on, and those held out."""
        made = split(self.trained, self.bc.validation, self.seed)
        if np.array_equal(self.trained, self.columns.episode):
            return made
        # Other rows were trained on too: what was held out are whole episodes, if there were many.
        held = np.isin(self.columns.episode, self.trained[made.validation]) & made.by_episode
        return Split(np.flatnonzero(~held), np.flatnonzero(held), made.by_episode)

    @property
    def judged_rows(self) -> NDArray[np.int64]:
        """Rows on which to judge the policy: those held out, all where none were."""
        held = self.parts.validation
        return held if len(held) else np.arange(len(self.columns))

    def own_states(self) -> tuple[Vector, str]:
        """Return (K, F) states that a policy was in while it owned the robot, and in words whose:
        of the newly collected episodes; where those are too few, of the probes."""
        collected = own_states(self.new)
        if len(collected) >= ENOUGH or not self.probes:
            return collected, 'of the policy'
        return own_states(self.probes), 'of the policy alone'


@dataclass(frozen=True)
class Fitting:
    """What fitting gave: fits by gate, files to put beside them, and whose states were judged."""

    fits: Mapping[str, Fit]
    states: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def fit_gate(inputs: FitInputs) -> Mapping[str, Any]:
    """Write gate.json, and what belongs to it, into a checkpoint folder that is not finished yet;
    return what it says. A gate that has nothing to fit, or nothing to be fitted to yet, leaves a
    gate.json that says nothing of it. Raises UserError for an unknown gate."""
    unfitted = inputs.gate in GATES.names() and inputs.gate not in FITS.names()
    made = Fitting({}, '') if unfitted else FITS.load(inputs.gate)(inputs)
    for name, content in made.files.items():
        (inputs.folder / name).write_bytes(content)
    (inputs.folder / GATE_FILE).write_bytes(gate_json(inputs.graph, inputs.spec, made.fits))
    said = {'name': inputs.gate, 'states': made.states, 'probes': len(inputs.probes)}
    fit = made.fits.get(inputs.gate)
    if fit is None:
        return {**said, 'thresholds': {}}
    return {
        **said,
        'alpha': fit.alpha,
        'rows': fit.rows,
        'thresholds': dict(fit.thresholds),
    }


def own_states(episodes: Sequence[Episode]) -> Vector:
    """Return (K, F) frames on which the policy owned the robot. The tick at which a gate asked is
    not among them (the human or nobody owns it), as it is in the authors' lists of ThriftyDAgger
    and in what that gate sees online: quantiles of recorded episodes are a little lower."""
    frames = [
        e.frames[(e.owners == Owner.POLICY) & np.isfinite(e.frames).all(axis=1)] for e in episodes
    ]
    return np.concatenate(frames) if frames else np.empty((0, 0))
