"""Ids of episodes, `20261122T210000_0001`: when it began, and a running number."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ID = re.compile(r'\d{8}T\d{6}_(\d{4,})')


def number_of(episode_id: str) -> int:
    """Return the running number at the end of an id, 0 where it is not an id of our recorder."""
    match = _ID.fullmatch(episode_id)
    return int(match[1]) if match else 0


def recorded_order(episode_id: str) -> tuple[int, str]:
    """Return the key that sorts the episodes of a folder oldest first.

    The number tells, as a clock may be set back; what is not our recorder's comes first, by name.
    """
    return number_of(episode_id), episode_id


def in_order(episode_ids: Iterable[str]) -> list[str]:
    """Sort the episodes of a folder oldest first. Where a number is there twice they are of more
    than one run, and only their times tell."""
    ids = list(episode_ids)
    numbers = [number for number in map(number_of, ids) if number]
    return sorted(ids, key=recorded_order if len({*numbers}) == len(numbers) else None)
