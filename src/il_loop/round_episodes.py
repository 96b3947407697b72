"""The episodes of a round: what is noted of them, and that earlier ones are as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from il_core.errors import UserError
from il_data.dataset import Labels
from il_data.episode import Episode
from il_loop.run_folder import RoundEpisode, RoundFile


def content_hash(episode: Episode) -> str:
    """Return 16 hex digits over the recording; over the steps where there is no bag."""
    digest = hashlib.sha256()
    files = sorted(episode.path.glob('*.mcap')) if episode.path != Path() else []
    for file in files:
        digest.update(file.read_bytes())
    if not files:
        digest.update(np.ascontiguousarray(episode.steps).tobytes())
    return digest.hexdigest()[:16]


def entries(
    episodes: Sequence[Episode], selected: Labels, hashes: Mapping[str, str], old: Collection[str]
) -> tuple[RoundEpisode, ...]:
    """Return what a round notes of every episode; `old`: ids that are as the round
    before knew them."""
    rows = np.bincount(selected.columns.learned, minlength=len(episodes))
    notes = {item.episode_id: item.reason for item in selected.left_out}
    return tuple(
        RoundEpisode(
            id=e.episode_id,
            hash=hashes[e.episode_id],
            outcome=e.outcome.name,
            verdict=e.verdict.value,
            labels=int(count),
            new=e.episode_id not in old,
            note=notes.get(e.episode_id, ''),
        )
        for e, count in zip(episodes, rows, strict=True)
    )


def trained_on(
    episodes: Sequence[Episode], selected: Labels, hashes: Mapping[str, str]
) -> dict[str, str]:
    """Return id and hash of the episodes that gave labels, for policy.json. Those whose labels
    are held out for validation are among them: they decide when the training ends."""
    ids = [episodes[i].episode_id for i in np.unique(selected.columns.learned).tolist()]
    return {name: hashes[name] for name in ids}


def known(episodes: Sequence[Episode], earlier: Sequence[RoundEpisode]) -> Collection[str]:
    """Return the ids of episodes that are as an earlier round knew them: with the same outcome
    and verdict, which a label changes and no hash has."""
    was = {(e.id, e.outcome, e.verdict) for e in earlier}
    return {
        e.episode_id for e in episodes if (e.episode_id, e.outcome.name, e.verdict.value) in was
    }


def newest(episodes: Sequence[Episode], done: Sequence[RoundFile]) -> list[Episode]:
    """Return those collected last: since the last round, or since an earlier one where nothing
    was (old ones were relabelled)."""
    for made in reversed(done):
        had = {e.id for e in made.episodes}
        if found := [e for e in episodes if e.episode_id not in had]:
            return found
    return list(episodes)


def check_kept(earlier: Sequence[RoundEpisode], hashes: Mapping[str, str]) -> None:
    """Rounds only ever add: an episode that an earlier round learned from must still be there.
    Raises UserError that names the first that is not."""
    for episode in earlier:
        found = hashes.get(episode.id, 'missing')
        if found != episode.hash:
            rule = f'must be {episode.hash}, as an earlier round learned from it; restore it'
            raise UserError(f'content of episode {episode.id}', found, rule)
