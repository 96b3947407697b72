"""Decoded columns kept beside the bag, so that a bag is decoded once.

`.cache/columns` holds one line of JSON, then the rows. The line says names, sizes and times of the
bag's files, the spec and the code that decodes, so nothing stale is ever used. Many short bags are
the common case, so a hit costs one file and no search, and leaves no file open.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from il_core import align, codecs
from il_core.types import Cause, EpisodeEvent, EventKind, Outcome
from il_data import cdr, contents, episode, frames, manifest, names, schema, steps, table
from il_data.atomic import write_bytes
from il_data.episode import Sizes, step_type
from il_data.manifest import Manifest
from il_data.steps import Extract

FOLDER = '.cache'
FILE = 'columns'
ALIGNMENT = 64  # of the rows in the file
STORAGE = ('.mcap', '.db3', '.zstd')
# What makes rows of messages, besides this module: with other code they may be others.
DECODERS = (align, codecs, cdr, contents, episode, frames, names, schema, steps, table)


@dataclass(frozen=True)
class Files:
    """The files of a bag as (name, size, time of change); `manifest` () where there is none."""

    storage: tuple[tuple[str, int, int], ...]
    manifest: tuple[int, int] | tuple[()]


@dataclass(frozen=True, eq=False)
class Hit:
    """What is kept of a bag. `manifest` lacks its plain spec; None where it has changed since."""

    extract: Extract
    manifest: Manifest | None
    spec_hash: str


@functools.cache
def code() -> str:
    """Return 16 hex digits over the code that decodes."""
    sources = map(inspect.getsource, (*DECODERS, sys.modules[__name__]))
    return hashlib.sha256(''.join(sources).encode()).hexdigest()[:16]


def files_of(folder: Path) -> Files:
    """Look at a folder; one that is not there has no files."""
    storage: list[tuple[str, int, int]] = []
    found: tuple[int, int] | tuple[()] = ()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(STORAGE):
                    stat = entry.stat()
                    storage.append((entry.name, stat.st_size, stat.st_mtime_ns))
                elif entry.name == manifest.FILE:
                    stat = entry.stat()
                    found = (stat.st_size, stat.st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return Files((), ())
    return Files(tuple(sorted(storage)), found)


def get(folder: Path, files: Files, spec_hash: str = '') -> Hit | None:
    """Return what was decoded before, None where there is nothing for these files.

    Args:
        spec_hash: of the spec to read with; empty: whatever it was.
    """
    try:
        with open(os.path.join(folder, FOLDER, FILE), 'rb', buffering=0) as file:
            data = file.read()
        rows_at = data.index(b'\n') + 1
        index: dict[str, Any] = json.loads(data[:rows_at])
        used = index['spec_hash']
        current = index['code'] == code() and index['storage'] == list(map(list, files.storage))
        if spec_hash not in ('', used) or not current:
            return None
        unchanged = index['manifest_file'] == [*files.manifest]
        known = manifest.from_plain(index['manifest']) if unchanged else None
        return Hit(_extract(data, rows_at, index), known, used)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def put(
    folder: Path, files: Files, spec_hash: str, sizes: Sizes, known: Manifest, found: Extract
) -> bool:
    """Keep what was decoded instead of what was kept before. False where the folder is read-only
    or the disk full: then every read decodes again."""
    index = {
        'code': code(),
        'storage': files.storage,
        'manifest_file': files.manifest,
        'spec_hash': spec_hash,
        'sizes': dataclasses.astuple(sizes),
        'rows': len(found.steps),
        'score_names': found.score_names,
        'events': list(map(_plain, found.events)),
        'manifest': manifest.plain_of(dataclasses.replace(known, spec={}, topics=()))
        | {'topics': known.topics},
    }
    line = json.dumps(index).encode()
    padding = -(len(line) + 1) % ALIGNMENT
    place = folder / FOLDER
    try:
        place.mkdir(exist_ok=True)
        write_bytes(place / FILE, line + b' ' * padding + b'\n' + found.steps.tobytes())
        for old in place.iterdir():
            if old.name != FILE:
                old.unlink()
    except OSError:
        return False
    return True


def _extract(data: bytes, offset: int, index: dict[str, Any]) -> Extract:
    dtype = step_type(Sizes(*index['sizes']))
    rows = index['rows']
    steps = np.frombuffer(data, dtype, rows, offset) if rows else np.zeros(0, dtype)
    return Extract(steps, tuple(index['score_names']), tuple(map(_event, index['events'])))


def _plain(e: EpisodeEvent) -> list[Any]:
    numbers = (int(e.kind), e.episode_id, e.seed, e.tick, int(e.outcome), int(e.cause))
    return [e.stamp_ns, *numbers, e.detail]


def _event(row: list[Any]) -> EpisodeEvent:
    stamp_ns, kind, episode_id, seed, tick, outcome, cause, detail = row
    return EpisodeEvent(
        stamp_ns, EventKind(kind), episode_id, seed, tick, Outcome(outcome), Cause(cause), detail
    )
