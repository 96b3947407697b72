"""One aligner, live and offline: as-of the tick, never from the future, no older than a stream
allows."""

from __future__ import annotations

import bisect
import math

import numpy as np

from il_core.errors import InternalError
from il_core.spec import Spec
from il_core.types import NS_PER_S, Frame, Vector

# A stamp this much before the newest one is a jump of the clock, not a late message.
BACK_NS = NS_PER_S

# Samples kept per stream, at least: 0.25 s at 1 kHz, more than max_age_s needs.
DEPTH = 256


class Aligner:
    """Turn the observed streams of a spec into frames.

    `push` takes samples in any order; `frame` picks, for every observed stream, the newest sample
    that is not newer than the tick. The live policy node and the offline reader both use this
    class, so that a frame rebuilt from a bag equals the one that was acted on.

    A stream whose newest sample is later than the tick by more than the stream's maximum age runs
    on a clock that is ahead: its samples would look fresh when they are old. That is a fault, and
    the samples are forgotten, so that none is used when the tick gets there.

    Args:
        spec: gives the observed streams, their order and their maximum age.
    """

    def __init__(self, spec: Spec) -> None:
        self._names = tuple(s.name for s in spec.observed)
        limits_ns = tuple(round(s.max_age_s * NS_PER_S) for s in spec.observed)
        self._shapes = tuple((len(s.fields),) for s in spec.observed)
        self._ones = np.ones(sum(n for (n,) in self._shapes))
        self._stamps: list[list[int]] = [[] for _ in self._names]
        self._values: list[list[Vector]] = [[] for _ in self._names]
        self._ahead_ns: dict[str, int] = {}  # of streams that had all their samples forgotten
        self._logs = tuple(zip(self._stamps, self._values, limits_ns, strict=True))
        into = zip(self._stamps, self._values, self._shapes, strict=True)
        self._into = dict(zip(self._names, into, strict=True))

    def push(self, stream: str, stamp_ns: int, value: Vector) -> None:
        """Add one decoded sample of an observed stream; a second one with the same stamp replaces
        the first."""
        stamps, values, shape = self._into[stream]
        if value.shape != shape:
            raise InternalError(f'{stream}: decoded shape {value.shape}, expected {shape}')
        if not stamps or stamp_ns > stamps[-1]:  # nearly always
            stamps.append(stamp_ns)
            values.append(value)
        else:
            _insert(stamps, values, stamp_ns, value)
        if len(stamps) > 2 * DEPTH:  # many at once: taking one out moves all others
            del stamps[:DEPTH], values[:DEPTH]

    def clear(self) -> None:
        """Forget every sample (a reset of the world, a clock that jumped back)."""
        for stamps, values in zip(self._stamps, self._values, strict=True):
            stamps.clear()
            values.clear()
        self._ahead_ns.clear()

    def complete(self, stamp_ns: int) -> bool:
        """True where every observed stream has a sample with exactly this stamp (lockstep)."""
        return all(stamp_ns in stamps[-2:] for stamps in self._stamps)

    def frame(self, tick: int, stamp_ns: int) -> Frame:
        """Return the frame as of `stamp_ns`; with `fault` set where a stream is missing, too old,
        ahead or not finite."""
        values, used = [], []
        for stamps, samples, limit in self._logs:
            if stamps and 0 <= stamp_ns - stamps[-1] <= limit:  # nearly always
                values.append(samples[-1])
                used.append(stamps[-1])
                continue
            at = _as_of(stamps, stamp_ns)
            if at is None or max(stamp_ns - stamps[at], stamps[-1] - stamp_ns) > limit:
                self._forget_ahead(stamp_ns)
                return Frame(tick, stamp_ns, np.empty(0), (), self._fault(stamp_ns))
            values.append(samples[at])
            used.append(stamps[at])
        vector = np.concatenate(values)
        # the sum is a quick hint that there is nothing to look for
        if not (math.isfinite(vector.dot(self._ones)) or np.isfinite(vector).all()):
            return Frame(tick, stamp_ns, np.empty(0), (), self._not_finite(vector))
        return Frame(tick, stamp_ns, vector, tuple(used))

    def _forget_ahead(self, stamp_ns: int) -> None:
        """Forget the samples of every stream whose clock is ahead."""
        for name, (stamps, values, limit) in zip(self._names, self._logs, strict=True):
            if stamps and stamps[-1] - stamp_ns > limit:
                self._ahead_ns[name] = stamps[-1] - stamp_ns
                stamps.clear()
                values.clear()

    def _fault(self, stamp_ns: int) -> str:
        """Name the first stream without a usable sample."""
        for name, (stamps, _, limit) in zip(self._names, self._logs, strict=True):
            at = _as_of(stamps, stamp_ns)
            if at is None:
                return f'{name}: {self._absence(name)}'
            if stamp_ns - stamps[at] > limit:
                age_s = (stamp_ns - stamps[at]) / NS_PER_S
                return f'{name}: {age_s:.3f} s old, limit {limit / NS_PER_S:g} s'
        return ''

    def _absence(self, name: str) -> str:
        """Say why a stream has no sample that is not later than the tick."""
        if self._into[name][0]:
            return 'every message is later than the tick'
        if name in self._ahead_ns:
            return f'stamped {self._ahead_ns[name] / NS_PER_S:.3f} s ahead of this clock'
        return 'no message yet'

    def _not_finite(self, vector: Vector) -> str:
        owner = [
            name for name, (n,) in zip(self._names, self._shapes, strict=True) for _ in range(n)
        ]
        at = int(np.flatnonzero(~np.isfinite(vector))[0])
        return f'{owner[at]}: value {vector[at]} is not finite'


def _insert(stamps: list[int], values: list[Vector], stamp_ns: int, value: Vector) -> None:
    at = bisect.bisect_left(stamps, stamp_ns)
    if stamps[at] == stamp_ns:
        values[at] = value
    else:
        stamps.insert(at, stamp_ns)
        values.insert(at, value)


def _as_of(stamps: list[int], stamp_ns: int) -> int | None:
    """Return the index of the newest stamp that is not newer than `stamp_ns`, None where there is
    none."""
    at = bisect.bisect_right(stamps, stamp_ns) - 1
    return at if at >= 0 else None
