"""One episode as columns over its steps."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.spec import Spec
from il_core.types import EpisodeEvent, Mode, Outcome, Owner, Vector
from il_data.manifest import Manifest, Verdict

# Modes in which the policy does not own; by number.
_TRAINS = np.zeros(256, bool)
_TRAINS[[Mode.SUPERVISOR, Mode.REQUESTING, Mode.HOLD]] = True


@dataclass(frozen=True)
class Sizes:
    """Widths of the columns: frame fields, streams, axes, ensemble members, scores."""

    frame: int
    streams: int
    axes: int
    members: int
    scores: int


@functools.lru_cache(maxsize=64)
def step_type(sizes: Sizes) -> np.dtype[Any]:
    """Return the type of one row of `Episode.steps`; float columns are NaN where there is
    nothing."""
    axes = (sizes.axes,)
    return np.dtype(
        [
            ('stamp_ns', 'i8'),
            ('tick', 'u8'),
            ('step', 'u4'),
            ('mode', 'u1'),
            ('owner', 'u1'),
            ('cause', 'u1'),
            ('transition', '?'),
            ('engaged', '?'),
            ('frame', 'f8', (sizes.frame,)),
            ('stream_stamps_ns', 'i8', (sizes.streams,)),
            ('mean', 'f8', axes),
            ('variance', 'f8', axes),
            ('members', 'f8', (sizes.members, sizes.axes)),
            ('expert', 'f8', axes),
            ('command', 'f8', axes),
            ('scores', 'f8', (sizes.scores,)),
            ('thresholds', 'f8', (sizes.scores,)),
            ('observation_age_s', 'f8'),
            ('joystick_age_s', 'f8'),
            ('inference_s', 'f8'),
        ]
    )


@dataclass(frozen=True, eq=False)
class Episode:
    """What happened in one episode. N steps, in time order; read-only.

    Attributes:
        path: the bag's folder.
        spec: what frames and actions mean.
        manifest: what the recorder said of it; of a foreign bag, what could be found out.
        steps: (N,) structured array, see `step_type`; a column is `steps['frame']`.
        score_names: (K,) names of `scores` and `thresholds`.
        events: those of the episode, in time order.
        foreign: not recorded by our recorder: aligned from raw topics, the human owned
            throughout.
    """

    path: Path
    spec: Spec
    manifest: Manifest
    steps: NDArray[Any]
    score_names: tuple[str, ...] = ()
    events: tuple[EpisodeEvent, ...] = ()
    foreign: bool = False

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def episode_id(self) -> str:
        return self.manifest.episode_id

    @property
    def outcome(self) -> Outcome:
        return self.manifest.outcome

    @property
    def verdict(self) -> Verdict:
        return self.manifest.verdict

    @property
    def frames(self) -> Vector:
        """(N, F) as carried by the proposals; NaN rows where there was none."""
        return self.column('frame')

    @property
    def expert_actions(self) -> Vector:
        """(N, A) what the human would have done; NaN rows where there was no fresh action."""
        return self.column('expert')

    @property
    def commands(self) -> Vector:
        """(N, A) what was really sent."""
        return self.column('command')

    @property
    def owners(self) -> NDArray[np.uint8]:
        """(N,) numbers of `il_core.types.Owner`."""
        return self.column('owner')

    def column(self, name: str) -> NDArray[Any]:
        """Return one column of `steps`, (N, ...)."""
        found: NDArray[Any] = self.steps[name]
        return found

    @property
    def human_labels(self) -> NDArray[np.bool_]:
        """(N,) True where a step is a label: the human drove or was about to (the policy did not
        own), dead-man held, with an action and a frame.

        Ramp, REQUESTING and HOLD ticks count: the label is the human's action, never the command.
        """
        labels = self.at_the_controls
        labels &= np.isfinite(self.expert_actions).all(axis=1)
        labels &= np.isfinite(self.frames).all(axis=1)
        return labels

    @property
    def at_the_controls(self) -> NDArray[np.bool_]:
        """(N,) True where the human holds the dead-man and the policy does not own."""
        held: NDArray[np.bool_] = _TRAINS[self.steps['mode']] & self.steps['engaged']
        return held

    @property
    def interventions(self) -> int:
        """Changes of owner from the policy to the human."""
        held = self.owners[np.isin(self.owners, (Owner.HUMAN, Owner.POLICY))]
        return int(((held[1:] == Owner.HUMAN) & (held[:-1] == Owner.POLICY)).sum())

    @property
    def human_actions(self) -> int:
        """Steps that the human owned."""
        return int((self.owners == Owner.HUMAN).sum())

    @property
    def robot_actions(self) -> int:
        """Steps that the policy owned."""
        return int((self.owners == Owner.POLICY).sum())

    @property
    def switches(self) -> int:
        """Changes of owner between policy and human, both ways (idle ticks between do not
        count)."""
        held = self.owners[np.isin(self.owners, (Owner.HUMAN, Owner.POLICY))]
        return int((held[1:] != held[:-1]).sum())
