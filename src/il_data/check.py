"""Look a bag over: is the file whole, does it read, are its frames those that were acted on?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.errors import UserError
from il_core.spec import Spec
from il_data import manifest
from il_data.bag import LIBRARY
from il_data.contents import library_of, mcap_chunks
from il_data.manifest import Verdict
from il_data.read import BEING_RECORDED, being_recorded, read_episode, rebuild_frames


@dataclass(frozen=True)
class Finding:
    """`verdict` is the recorder's, or worse; `lines`: what is wrong."""

    verdict: Verdict
    lines: tuple[str, ...]


def check(bag: Path, spec: Spec | None) -> Finding:
    """Check one bag. Never raises for what is wrong with it."""
    if being_recorded(bag):
        return Finding(Verdict.SUSPECT, (BEING_RECORDED,))
    broken = damage(bag)
    if broken:
        remedy = f'run `il bags repair {bag}`'
        said = broken if remedy in broken else f'{broken}: {remedy}'
        return Finding(Verdict.BAD, (said,))
    try:
        episode = read_episode(bag, spec, cached=False)
        rebuilt = rebuild_frames(bag, spec)
    except UserError as error:
        return Finding(Verdict.BAD, (str(error),))
    lines = list(episode.manifest.reasons)
    seen = np.isfinite(episode.frames).all(axis=1)
    absent = int((seen & ~np.isfinite(rebuilt).all(axis=1)).sum())
    if absent:
        lines.append(f'{absent} of {len(episode)} frames cannot be rebuilt: samples are missing')
    differ = int((episode.frames != rebuilt)[np.isfinite(rebuilt).all(axis=1) & seen].any(1).sum())
    if differ:
        lines.append(f'{differ} frames differ from those rebuilt from the raw topics')
    verdict = episode.verdict
    if differ:
        verdict = Verdict.BAD
    elif lines and verdict is Verdict.OK:
        verdict = Verdict.SUSPECT
    return Finding(verdict, tuple(lines))


def damage(bag: Path) -> str:
    """Return what is wrong with the file, empty where it is whole. What is not one MCAP file was
    not recorded here: the reader judges it."""
    files = sorted(bag.glob('*.mcap'))
    if len(files) != 1:
        return ''
    found = ''
    for contents in mcap_chunks(files[0]):
        found = contents.damage
    if not found and (library_of(files[0]) == LIBRARY or (bag / manifest.FILE).exists()):
        try:
            manifest.load(bag)
        except UserError as error:
            return str(error.rule)
    return found
