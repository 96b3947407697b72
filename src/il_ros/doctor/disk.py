"""Can episodes be recorded, fast enough, and for how long?"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from il_ros.doctor.api import Result, Settings, fail, ok, warn

MB = 1_000_000
RESERVE_MB = 500.0  # default of the recorder's reserve_mb: with less free, it refuses
WARN_MIN = 10.0  # default of its warn_min
CHUNK, CHUNKS = bytes(4 * MB), 4
# Measured: 130 kB for 4.1 s of task reach in real time, without a camera.
PLAIN_MB_PER_S = 0.032
VGA_MB_PER_S = 640 * 480 * 3 * 30 / MB


def check(settings: Settings) -> Iterator[Result]:
    folder = _existing(settings.folder)
    what = f'disk of {folder}'
    move = 'record somewhere else: `il run --run FOLDER`'
    if settings.folder.exists() and not settings.folder.is_dir():
        yield fail(f'{settings.folder}', 'is a file: nothing can be recorded there', move)
        return
    try:
        speed = _speed_mb_per_s(folder)
    except OSError as error:
        yield fail(what, f'cannot be written: {error.strerror}', f'make it writable, or {move}')
        yield _space(what, folder, move)
        return
    yield _space(what, folder, move)
    finding = f'{speed:.0f} MB/s written with fsync'
    if speed < 2 * VGA_MB_PER_S:
        limit = f'{finding}; raw VGA images at 30 Hz take {VGA_MB_PER_S:.0f} MB/s'
        yield warn('write speed', limit, f'{move} on a faster disk, or record without images')
    else:
        yield ok('write speed', finding)


def _space(what: str, folder: Path, move: str) -> Result:
    free_mb = shutil.disk_usage(folder).free / MB
    left_s = {n: max(free_mb - RESERVE_MB, 0) / r for n, r in RATES.items()}
    minutes = ', '.join(f'{s / 60:.0f} minutes {name}' for name, s in left_s.items())
    finding = f'{free_mb:.0f} MB free above {folder}: {minutes}'
    if free_mb <= RESERVE_MB:
        finding = f'{free_mb:.0f} MB free, the recorder leaves {RESERVE_MB:.0f} MB alone'
        return fail(what, finding, f'remove what is not needed, or {move}')
    if min(left_s.values()) < 60 * WARN_MIN:
        return warn(what, finding, f'remove what is not needed, or {move}')
    return ok(what, finding)


RATES = {'without a camera': PLAIN_MB_PER_S, 'with raw VGA images at 30 Hz': VGA_MB_PER_S}


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above that exists."""
    folder = folder.absolute()
    return next(p for p in (folder, *folder.parents) if p.is_dir())


def _speed_mb_per_s(folder: Path) -> float:
    begun_s = time.perf_counter()
    with tempfile.NamedTemporaryFile(dir=folder, prefix='.il_doctor_') as file:
        for _ in range(CHUNKS):
            file.write(CHUNK)
            file.flush()
            os.fsync(file.fileno())
        return len(CHUNK) * CHUNKS / MB / (time.perf_counter() - begun_s)
