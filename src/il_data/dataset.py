"""What a policy trains on: labels as columns, selected from episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.errors import InternalError, UserError
from il_core.spec import Spec
from il_core.types import Outcome, Owner, Vector
from il_data.episode import Episode
from il_data.manifest import Verdict
from il_data.read import read_episodes
from il_data.weighting import WEIGHTINGS, kinds


@dataclass(frozen=True, eq=False)
class Columns:
    """Labels, one row each: N rows, F frame fields, A axes, in the order of the spec.

    Attributes:
        observations: (N, F) float64 frames.
        actions: (N, A) float64, in the axes' units.
        episode: (N,) int64, which episode a row is from (index in the order they were read), so
            that validation can leave out whole episodes.
        weight: (N,) float64, how much a row counts; 1 unless a selection says otherwise.
    """

    observations: Vector
    actions: Vector
    episode: NDArray[np.int64]
    weight: Vector

    def __post_init__(self) -> None:
        rows = {len(c) for c in (self.observations, self.actions, self.episode, self.weight)}
        if len(rows) != 1 or self.observations.ndim != 2 or self.actions.ndim != 2:
            raise InternalError(f'columns of {sorted(rows)} rows do not belong together')

    def __len__(self) -> int:
        return len(self.observations)

    @property
    def learned(self) -> NDArray[np.int64]:
        """Return (M,) `episode` of the rows that count: with a weight above 0."""
        return self.episode[self.weight > 0]

    def __getitem__(self, rows: slice | NDArray[Any]) -> Columns:
        """Return some rows: a slice, a mask (N,) or an index."""
        return Columns(*(column[rows] for column in vars(self).values()))


@dataclass(frozen=True)
class Selection:
    """Which episodes and steps are labels.

    Attributes:
        only_successful: leave out episodes that did not end in success (demonstrations).
        verdicts: recordings that are trusted; BAD is not, unless it is named here.
        whoever_acts: steps on which the policy acted count too, labelled with what the human would
            have done (DAgger); otherwise only the human's own.
        weighting: of `il_data.weighting`, by which steps of the policy count too, labelled with
            what was sent; empty: the human's actions alone, each as much as any other.
    """

    only_successful: bool = False
    verdicts: tuple[Verdict, ...] = (Verdict.OK, Verdict.SUSPECT)
    whoever_acts: bool = False
    weighting: str = ''

    def __post_init__(self) -> None:
        if self.weighting and self.weighting not in WEIGHTINGS:
            raise UserError('weighting', self.weighting, 'not known', WEIGHTINGS)
        if self.weighting and self.whoever_acts:
            rule = 'is for labels of the one who acted; these are of the human at every state'
            raise UserError('weighting', self.weighting, rule)

    @property
    def words(self) -> str:
        """It in words, for the record."""
        which = 'successful episodes' if self.only_successful else 'all episodes'
        turn = 'whoever acts' if self.whoever_acts else "and not the policy's turn"
        own = f"; with the policy's own, weighted by {self.weighting}" if self.weighting else ''
        verdicts = ', '.join(v.value for v in self.verdicts)
        return f"the human's own actions while engaged {turn}{own}; {which}; {verdicts}"

    def refuses(self, episode: Episode) -> str:
        """Return why an episode is left out, empty where it is taken."""
        if episode.verdict not in self.verdicts:
            return f'verdict {episode.verdict.value}'
        if self.only_successful and episode.outcome is not Outcome.SUCCESS:
            return f'outcome {episode.outcome.name.lower()}'
        return ''


# Whole demonstrations: what the human did in episodes that reached the goal.
DEMONSTRATIONS = Selection(only_successful=True)
# Corrections count whatever the outcome: the human's action was right even where the rest failed.
INTERVENTIONS = Selection()
# Every visited state, for gates whose human acts at every tick whoever owns the robot.
EVERY_STATE = Selection(whoever_acts=True)


@dataclass(frozen=True)
class LeftOut:
    """An episode that gave no labels, and why."""

    episode_id: str
    reason: str


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels with where they are from: `episode_ids[columns.episode[row]]`. `unusable`: steps of
    episodes that were taken that would be labels, but for a frame or an action."""

    columns: Columns
    episode_ids: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    unusable: int = 0


def labels(episodes: Sequence[Episode], selection: Selection = INTERVENTIONS) -> Labels:
    """Collect the human's actions, one row per step that is a label (`Episode.human_labels`, or
    with `whoever_acts` every step at which the dead-man was held).

    Args:
        episodes: of one spec.
        selection: which of them count.

    Raises:
        UserError: no label is left; says the folder, the rule, and what was left out.
    """
    one_spec(episodes)
    refused = [selection.refuses(episode) for episode in episodes]
    held = [i for i, reason in enumerate(refused) if not reason]
    taken = [episodes[i] for i in held]
    rows = [_rows(episode, selection) for episode in taken]
    columns = _columns(taken, rows, np.array(held, np.int64), selection)
    counts = np.bincount(columns.episode, minlength=len(episodes))
    left_out = tuple(
        LeftOut(episode.episode_id, reason or 'no step is a label')
        for episode, reason, count in zip(episodes, refused, counts, strict=True)
        if not count
    )
    if not len(columns):
        raise _no_labels(episodes, selection, left_out)
    unusable = sum(map(len, rows)) - len(columns)
    return Labels(columns, tuple(e.episode_id for e in episodes), left_out, unusable)


def _columns(
    episodes: Sequence[Episode],
    held: Sequence[NDArray[np.intp]],
    numbers: NDArray[np.int64],
    selection: Selection,
) -> Columns:
    """Gather the labels among the rows `held` of episodes with these numbers; what is finite is
    asked once for all of them, as most episodes are short."""
    if not episodes:
        return Columns(np.empty((0, 0)), np.empty((0, 0)), numbers, np.empty(0))
    pairs = list(zip(episodes, held, strict=True))
    frames = np.concatenate([e.frames[rows] for e, rows in pairs])
    actions = np.concatenate([_actions(e, selection)[rows] for e, rows in pairs])
    episode = np.repeat(numbers, [len(rows) for rows in held])
    weight = np.ones(len(episode))
    finite = np.isfinite(frames).all(axis=1) & np.isfinite(actions).all(axis=1)
    if selection.weighting:
        found = np.concatenate([kinds(e)[rows] for e, rows in pairs])
        weight[finite] = WEIGHTINGS[selection.weighting](found[finite])
    columns = Columns(frames, actions, episode, weight)
    return columns if finite.all() else columns[finite]


def _rows(episode: Episode, selection: Selection) -> NDArray[np.intp]:
    """Return the rows that may be labels."""
    if selection.whoever_acts:
        return np.flatnonzero(episode.steps['engaged'])
    held = episode.at_the_controls
    return np.flatnonzero(held | (episode.owners == Owner.POLICY) if selection.weighting else held)


def _actions(episode: Episode, selection: Selection) -> Vector:
    """Return (N, A) the human's actions; what was sent where the policy's own steps count."""
    if not selection.weighting:
        return episode.expert_actions
    policy = (episode.owners == Owner.POLICY)[:, None]
    return np.where(policy, episode.commands, episode.expert_actions)


def sent_beside(episodes: Sequence[Episode]) -> float:
    """Return how far what was sent lay from the human's action where he acted: the root of the
    mean square over steps and axes, 1 is half an axis' range; 0 where he never acted.

    Noise (DART, LazyDAgger), or what limits took away: labels are his actions all the same.
    """
    apart = [np.empty(0)]
    for e in episodes:
        half = (e.spec.high - e.spec.low) / 2
        rows = ((e.commands - e.expert_actions) / half)[e.owners == Owner.HUMAN]
        apart.append(rows[np.isfinite(rows)])
    every = np.concatenate(apart)
    return float(np.sqrt(np.mean(every**2))) if len(every) else 0.0


def notes(found: Labels, selection: Selection, episodes: Sequence[Episode]) -> str:
    """Return what a policy was trained from, for its checkpoint."""
    taken = [e for e in episodes if not selection.refuses(e)]
    sent = f'sent beside them where he acted: {sent_beside(taken):.3f} of half a range'
    return f'{len(found.columns)} labels: {selection.words}; {sent} (noise, limits), rms'


def beyond_limits(columns: Columns, spec: Spec) -> list[str]:
    """Say of every axis how many labels lie outside its limits, where some do: no policy of this
    spec can do them, as its actions end there."""
    slack = 1e-6 * (spec.high - spec.low)  # what float32 in a message may cost
    out = (columns.actions < spec.low - slack) | (columns.actions > spec.high + slack)
    lines = []
    for axis, wrong, values in zip(spec.axes, out.T, columns.actions.T, strict=True):
        if wrong.any():
            where = f'{axis.low:g} to {axis.high:g} {axis.unit}'.rstrip()
            lines.append(
                f'axis {axis.name}: {wrong.sum()} of {len(values)} labels lie outside its limits '
                f'{where} (they reach from {values.min():g} to {values.max():g}); the policy '
                'stays within: are limits and units in the robot file right?'
            )
    return lines


def load_labels(
    folder: Path, spec: Spec | None = None, selection: Selection = INTERVENTIONS
) -> Labels:
    """Read all bags of a folder and collect their labels; raises as `read_episodes` and
    `labels`."""
    return labels(read_episodes(folder, spec), selection)


def one_spec(episodes: Sequence[Episode]) -> None:
    """Raise UserError where episodes are not all of the first one's spec."""
    for episode in episodes[1:]:
        spec, first = episode.spec, episodes[0].spec
        if spec.hash != first.hash:
            lines = '; '.join(first.diff(spec)[:5])
            rule = f'must be {first.hash}, as of {episodes[0].episode_id}; what differs: {lines}'
            raise UserError(f'spec of {episode.episode_id}', spec.hash, rule)


def _no_labels(
    episodes: Sequence[Episode], selection: Selection, left_out: Sequence[LeftOut]
) -> UserError:
    folders = sorted({str(episode.path.parent) for episode in episodes})
    wanted = 'successful episodes' if selection.only_successful else 'episodes'
    why = '; '.join(f'{item.episode_id}: {item.reason}' for item in left_out[:5])
    rule = f'needs steps of {wanted} in which the human drove with the dead-man held'
    return UserError('labels in', ', '.join(folders) or 'no folder', f'{rule} ({why or "empty"})')
