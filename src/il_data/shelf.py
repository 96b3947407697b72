"""The folder of bags: ids, what was discarded, and bags that were never finished."""

from __future__ import annotations

import dataclasses
import datetime
import os
import time
from pathlib import Path

from il_core.episode_ids import number_of, recorded_order
from il_core.errors import UserError
from il_core.types import Outcome
from il_data import manifest

TRASH = '.trash'  # what a human discarded, and may want back
UNREADABLE = '.unreadable'  # what a repair found no message in


class Shelf:
    """All episodes of one run. The number at the end of an id is above that of every episode there
    is, those put away included.

    Args:
        folder: `runs/NAME/bags`; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def new_id(self, utc_s: float) -> str:
        """Return a new id, `20261122T210000_0001`.

        Args:
            utc_s: system time, seconds since 1970.
        """
        stamp = datetime.datetime.fromtimestamp(utc_s, datetime.timezone.utc)
        places = (self.folder, self.folder / TRASH, self.folder / UNREADABLE)
        names = [path.name for place in places if place.is_dir() for path in place.iterdir()]
        number = max(map(number_of, names), default=0) + 1
        return f'{stamp:%Y%m%dT%H%M%S}_{number:04d}'

    def episodes(self) -> tuple[str, ...]:
        """Return the ids of finished episodes, oldest first."""
        names = [path.parent.name for path in self.folder.glob(f'[!.]*/{manifest.FILE}')]
        return tuple(sorted(names, key=recorded_order))

    def unfinished(self) -> tuple[Path, ...]:
        """Return the folders of recordings without a manifest, oldest first."""
        bags = {path.parent for path in self.folder.glob('[!.]*/*.mcap')}
        found = [bag for bag in bags if not (bag / manifest.FILE).exists()]
        return tuple(sorted(found, key=lambda bag: recorded_order(bag.name)))

    def find(self, episode_id: str) -> Path:
        """Return the folder of a finished episode; '' means the last one.

        Raises:
            UserError: there is none; lists those there are.
        """
        known = self.episodes()
        name = episode_id or (known[-1] if known else '')
        if name not in known:
            raise UserError('episode', episode_id, f'is not in {self.folder}', known[-10:])
        return self.folder / name

    def label(self, episode_id: str, outcome: Outcome, reason: str) -> str:
        """Change the outcome of a finished episode ('' the last one). Returns its id. Raises
        UserError where there is none, or its manifest cannot be written."""
        bag = self.find(episode_id)
        changed = dataclasses.replace(manifest.load(bag), outcome=outcome, reason=reason)
        try:
            changed.save(bag)
        except OSError as error:
            raise UserError('episode', bag.name, f'cannot be labelled: {error}') from error
        return bag.name

    def discard(self, episode_id: str) -> str:
        """Move an episode ('' the last one) to the trash folder. Returns its id. Raises UserError
        where there is none, or it cannot be moved."""
        bag = self.find(episode_id)
        try:
            return put_away(bag, TRASH).name
        except OSError as error:
            raise UserError('episode', bag.name, f'cannot be discarded: {error}') from error

    def undo(self) -> str:
        """Bring back the episode that was discarded last. Returns its id.

        Raises:
            UserError: nothing was discarded, or it cannot be moved.
        """
        trash = self.folder / TRASH
        found = list(trash.iterdir()) if trash.is_dir() else []
        if not found:
            raise UserError('discarded episodes', 0, f'there is nothing to undo in {trash}')
        last = max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
        try:
            last.rename(self.folder / last.name)
        except OSError as error:
            raise UserError('episode', last.name, f'cannot be brought back: {error}') from error
        return last.name


def put_away(bag: Path, place: str) -> Path:
    """Move a bag into a folder beside it, TRASH or UNREADABLE. Returns where it is now."""
    target = bag.parent / place / bag.name
    target.parent.mkdir(exist_ok=True)
    last_ns = max((p.stat().st_mtime_ns for p in target.parent.iterdir()), default=0)
    bag.rename(target)
    when_ns = max(time.time_ns(), last_ns + 1)
    os.utime(target, ns=(when_ns, when_ns))  # says which was discarded last
    return target
