"""Guard the disk: say in time how many minutes are left, and when to stop."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from il_core.types import NS_PER_S

CHECK_NS = NS_PER_S
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class DiskState:
    """`minutes_left` until the hard limit at the rate of this episode; infinite where nothing is
    written. `full`: recording must stop now."""

    free_bytes: int
    minutes_left: float
    full: bool
    warn: bool


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds `folder`, or would: it may have been removed
    while a recorder runs."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


class DiskGuard:
    """Look at the disk once a second.

    Args:
        folder: on the disk in question.
        reserve_mb: what must stay free: the hard limit.
        warn_min: warn when less than this many minutes are left.
        free: tells the free bytes of a folder.
    """

    def __init__(
        self,
        folder: Path,
        reserve_mb: float,
        warn_min: float,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder, self._free = folder, free
        self._state = DiskState(0, float('inf'), full=False, warn=False)
        self.configure(reserve_mb, warn_min)

    def configure(self, reserve_mb: float, warn_min: float) -> None:
        """Let other limits hold from the next look on."""
        self._reserve, self._warn_min = round(reserve_mb * MEGABYTE), warn_min
        self._checked_ns: int | None = None

    def check(self, written: int, elapsed_ns: int, now_ns: int) -> DiskState:
        """Return the state of the disk, at most a second old.

        Args:
            written: bytes of the running episode.
            elapsed_ns: since its start.
            now_ns: steady clock.
        """
        if self._checked_ns is None or now_ns - self._checked_ns >= CHECK_NS:
            self._checked_ns = now_ns
            self._state = self._look(written, elapsed_ns)
        return self._state

    def _look(self, written: int, elapsed_ns: int) -> DiskState:
        free = self._free(self._folder)
        rate = written * NS_PER_S / elapsed_ns if elapsed_ns > 0 else 0.0
        left = (free - self._reserve) / rate / 60 if rate else float('inf')
        full = free <= self._reserve
        return DiskState(free, max(left, 0.0), full=full, warn=full or left < self._warn_min)
