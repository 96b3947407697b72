"""Read episodes: our own bags by what the proposals carry, foreign bags through a spec.

No ROS and no simulator needed; decoded columns are cached beside the bag.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from il_core.episode_ids import in_order
from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Vector
from il_data import cache, manifest
from il_data.bag import LIBRARY, METADATA, is_open
from il_data.cache import Files
from il_data.contents import Contents, library_of, read_any, read_mcap
from il_data.episode import Episode
from il_data.frames import align_foreign, rebuild
from il_data.manifest import Manifest, spec_of
from il_data.names import wanted
from il_data.own_types import COMMAND
from il_data.steps import OWN_TYPES, Extract, extract, own, sizes_of

UNNAMED = 'say of which task it is (--task of il train, il bags)'
BEING_RECORDED = 'is being recorded'
# Specs met so far, by hash: many bags share one.
_SPECS: dict[str, Spec] = {}


def read_episode(path: Path, spec: Spec | None = None, *, cached: bool = True) -> Episode:
    """Read one bag.

    Args:
        path: the bag's folder.
        spec: what frames and actions must mean; None: what the manifest says.
        cached: take decoded columns from beside the bag, or leave them there.

    Raises:
        UserError: no bag, an empty or cut one (says how to repair it), one of another spec (says
            what differs), or a foreign one without what the spec needs.
    """
    return _read(path, cache.files_of(path), spec, cached)


def _read(path: Path, files: Files, spec: Spec | None, cached: bool) -> Episode:
    kept = cache.get(path, files, spec.hash if spec else '') if cached else None
    if kept is not None and (spec or kept.spec_hash in _SPECS):
        known = kept.manifest or manifest.load(path)
        return _episode(path, spec or _SPECS[kept.spec_hash], known, kept.extract)
    known, spec = _identify(path, spec, files)
    _SPECS[spec.hash] = spec
    found = kept.extract if kept else _decode(path, spec)
    if cached and not kept:
        sizes = sizes_of(found, spec)
        cache.put(path, files, spec.hash, sizes, known, found)
    return _episode(path, spec, known, found)


def _episode(path: Path, spec: Spec, known: Manifest, found: Extract) -> Episode:
    return Episode(
        path, spec, known, found.steps, found.score_names, found.events, not known.spec_hash
    )


def read_episodes(folder: Path, spec: Spec | None = None) -> list[Episode]:
    """Read all bags below `folder` (discarded ones are left out, and unfinished ones, see
    `finished_bags`), oldest first.

    Raises:
        UserError: there is none, one cannot be read, or is there twice.
    """
    bags = _bags(folder)
    if not bags:
        raise no_bags(folder)
    finished = _finished(bags)
    if not finished:
        rules = '; '.join(f'{path.name} {_unfinished(path, files)}' for path, files in bags)
        raise UserError('folder', str(folder), f'holds no finished bag: {rules}')
    return each_once([_read(path, files, spec, cached=True) for path, files in finished])


def each_once(episodes: list[Episode]) -> list[Episode]:
    """Return them. Raises UserError where an episode is there twice, as of a bag that was copied:
    it would count twice, and a policy be judged on what it has learned."""
    met: dict[str, Path] = {}
    for episode in episodes:
        if episode.episode_id in met:
            where = f'{met[episode.episode_id]} and {episode.path}'
            raise UserError('episode', episode.episode_id, f'is there twice ({where}): remove one')
        met[episode.episode_id] = episode.path
    return episodes


def finished_bags(folder: Path) -> list[Path]:
    """Return the bags of `bag_folders` but for those of our recorder without a manifest: one that
    is being recorded, or was cut off. Each is named once by a warning of `logging`."""
    return [path for path, _ in _finished(_bags(folder))]


def _finished(bags: Sequence[tuple[Path, Files]]) -> list[tuple[Path, Files]]:
    found = []
    for path, files in bags:
        why = _unfinished(path, files)
        if why:
            _warn(f'left out: {path} {why}')
        else:
            found.append((path, files))
    return found


@functools.cache  # folders are read several times
def _warn(line: str) -> None:
    logging.getLogger(__name__).warning(line)


def being_recorded(path: Path) -> bool:
    """True where a recorder writes this bag now."""
    return _unfinished(path, cache.files_of(path)) == BEING_RECORDED


def _unfinished(path: Path, files: Files) -> str:
    """Return why a bag of our recorder is not to be read, in words; empty where it is."""
    if files.manifest or len(files.storage) != 1 or not files.storage[0][0].endswith('.mcap'):
        return ''
    file = path / files.storage[0][0]
    if is_open(file):
        return BEING_RECORDED
    if library_of(file) != LIBRARY or (path / manifest.FILE).exists():  # by now
        return ''
    return f'was cut off: run `il bags repair {path}`'


def bag_folders(folder: Path) -> list[Path]:
    """Return the bags directly below `folder`, or `folder` itself where it is one, oldest first;
    unfinished ones too."""
    return [path for path, _ in _bags(folder)]


def has_bags(folder: Path) -> bool:
    return bool(_bags(folder))


def no_bags(folder: Path) -> UserError:
    """Return the error for a folder in which there are none; where it is a run folder, it says
    where they are."""
    if not folder.is_dir():
        return UserError('folder', str(folder), 'no such folder')
    inside = folder / 'bags'
    hint = f'; did you mean {inside}?' if has_bags(inside) else ''
    return UserError('folder', str(folder), f'holds no bags (EPISODE_ID/metadata.yaml){hint}')


def _bags(folder: Path) -> list[tuple[Path, Files]]:
    own = cache.files_of(folder)
    if own.storage:  # '.' and '..' are to be called by their names
        named = folder.name not in ('', '..')
        return [(folder if named else Path(os.path.abspath(folder)), own)]
    if not folder.is_dir():
        return []
    inside = in_order(name for name in os.listdir(folder) if not name.startswith('.'))
    found = [(path, cache.files_of(path)) for path in map(folder.joinpath, inside)]
    return [(path, files) for path, files in found if files.storage or files.manifest]


def rebuild_frames(path: Path, spec: Spec | None = None) -> Vector:
    """Build the frames of an episode's steps anew from its raw topics, with the live aligner and
    decoders.

    Returns:
        (N, F), to be compared with `Episode.frames`; NaN rows where a sample is not in the bag.
    """
    episode = read_episode(path, spec)
    if episode.foreign:
        return episode.frames
    types = {stream.type for stream in episode.spec.observed}
    return rebuild(raw(path, types), episode.spec, episode.steps)


def _identify(path: Path, spec: Spec | None, found: cache.Files) -> tuple[Manifest, Spec]:
    """Return the manifest (made up for foreign bags) and the spec to read with."""
    _storage(path)
    if not (path / manifest.FILE).exists():
        if why := _unfinished(path, found):
            raise UserError('bag', str(path), why)
        if spec is None:
            raise UserError('bag', str(path), f'has no manifest: {UNNAMED}')
        return Manifest(path.name, reason='foreign bag'), spec
    known = manifest.load(path)
    own = spec_of(known)
    if spec is None and own is None:
        raise UserError('bag', str(path), f'names no spec: {UNNAMED}')
    if spec is not None and own is not None and own.hash != spec.hash:
        lines = '; '.join(own.diff(spec)[:5])
        raise UserError(
            f'bag {path.name}: spec', own.hash, f'must be {spec.hash}; what differs: {lines}'
        )
    chosen = spec or own
    assert chosen is not None
    return known, chosen


def _decode(path: Path, spec: Spec) -> Extract:
    contents = raw(path, OWN_TYPES)
    try:
        if own(contents).find('command', COMMAND) is not None:
            return extract(contents, spec)
        return align_foreign(raw(path, {msgtype for _, msgtype in wanted(spec)}), spec)
    except UserError as error:  # among many bags, which one
        what = f'bag {path.name}: {error.what}'
        raise UserError(what, error.value, error.rule, error.choices) from error


def raw(path: Path, types: Iterable[str]) -> Contents:
    """Return a bag's messages of these types. Raises UserError where it is damaged or empty."""
    files, types = _storage(path), frozenset(types)
    if len(files) > 1 or files[0].suffix != '.mcap':
        return read_any(path, types)
    contents = read_mcap(files[0], types)
    if contents.damage and is_open(files[0]):
        raise UserError('bag', str(path), BEING_RECORDED)
    if contents.damage:
        raise UserError(
            'bag', str(path), f'is damaged ({contents.damage}): run `il bags repair {path}`'
        )
    return contents


def _storage(path: Path) -> list[Path]:
    files = [path / name for name, _, _ in cache.files_of(path).storage]
    if not files:
        rule = f'is no bag: no .mcap or .db3 file beside {METADATA}'
        raise UserError('bag', str(path), rule if path.is_dir() else 'no such folder')
    return files
