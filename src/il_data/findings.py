"""What the recorder finds about itself."""

from __future__ import annotations

import enum

from il_core.findings import Finding, Findings
from il_data.record import Recorder
from il_data.recording import State


@enum.unique
class RecorderFindings(Findings):
    """What the recorder finds about disk and topics."""

    FULL = (
        'ERROR',
        'the disk is full: {free_mb} MB free, {reserve_mb:g} MB must stay',
        'recording stops, no episode starts',
        'remove what is not needed on the disk of {folder}, or lower reserve_mb of recorder',
    )
    LOW = (
        'WARN',
        '{minutes:.0f} minutes of disk left',
        'at the rate of the running episode the disk will soon be full',
        'remove what is not needed on the disk of {folder}',
    )
    LOST = (
        'WARN',
        'lost messages of {topics}',
        'the running episode will be SUSPECT or BAD',
        '`il doctor --only transport`; give the machine less to do, or lower the rates',
    )
    WAITING = (
        'WARN',
        'waiting for {topics}',
        'required topics were not seen lately: no episode can start',
        'start what publishes them: `ros2 topic hz {topics}`',
    )
    FINE = ('OK', '{state}', 'ready to start, recording, or closing a bag')


def found(recorder: Recorder, now_ns: int) -> Finding:
    """Return what is worst about a recorder, at `now_ns` on the steady clock."""
    disk, state = recorder.disk(now_ns), recorder.state(now_ns)
    folder, reserve_mb = recorder.shelf.folder, recorder.settings.reserve_mb
    if disk.full:
        free_mb = disk.free_bytes // 1_000_000
        return RecorderFindings.FULL(free_mb=free_mb, reserve_mb=reserve_mb, folder=folder)
    if lost := recorder.lost():
        return RecorderFindings.LOST(topics=' '.join(lost))
    if disk.warn:
        return RecorderFindings.LOW(minutes=disk.minutes_left, folder=folder)
    if state is State.WAITING:
        return RecorderFindings.WAITING(topics=' '.join(recorder.missing(now_ns)))
    return RecorderFindings.FINE(state=state.value)


def facts(recorder: Recorder, now_ns: int) -> dict[str, object]:
    """Return what diagnostics tell of a recorder, at `now_ns` on the steady clock."""
    disk = recorder.disk(now_ns)
    return {
        'episode': recorder.episode_id,
        'missing': ' '.join(recorder.missing(now_ns)),
        'free_mb': disk.free_bytes // 1_000_000,
        'minutes_left': disk.minutes_left,
        **{f'lost {name}': count for name, count in recorder.lost().items()},
    }
