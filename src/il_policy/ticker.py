"""When the policy ticks, and at what stamp: one stream of ticks per robot."""

from __future__ import annotations

from dataclasses import replace

from il_core.align import BACK_NS, Aligner
from il_core.codecs import MissingName
from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import NS_PER_S, Frame, Vector


class Ticker:
    """Samples in, numbered frames out. No clock: stamps and times come as arguments.

    A tick is never older than the one before, unless the clock jumped back (a restarted
    simulator); then the samples from before the jump are forgotten. Two things show a jump: a tick
    that is asked for at an earlier time, and a new frame of samples from then that is complete. A
    single stream shows none: its old samples are left out, and faults of frames say so.
    """

    def __init__(self, spec: Spec) -> None:
        self._aligner, self._earlier = Aligner(spec), Aligner(spec)  # earlier: jump, or too late
        self._errors: dict[str, str] = {}
        self._tick, self._stamp_ns = 0, -1

    def push(self, stream: str, stamp_ns: int, value: Vector) -> None:
        """Take in one decoded sample of an observed stream."""
        if self._is_back(stamp_ns):
            self._earlier.push(stream, stamp_ns, value)
            age_s = (self._stamp_ns - stamp_ns) / NS_PER_S
            late = (
                f'stamped {age_s:.3f} s before the last tick' if stamp_ns else 'header.stamp is 0'
            )
            self._errors[stream] = f'{stream}: {late}, left out'
            return
        self._errors[stream] = ''
        self._aligner.push(stream, stamp_ns, value)

    def fail(self, stream: str, error: UserError) -> None:
        """A message of `stream` could not be decoded; faults of frames say why from now on. One
        of somebody else on its topic (arm and gripper may share one) matters only while no other
        was read."""
        if not (isinstance(error, MissingName) and stream in self._errors):
            self._errors[stream] = str(error)

    def ready(self, stamp_ns: int) -> bool:
        """Return whether every stream has a sample with this stamp, and its tick has not been."""
        if self._is_back(stamp_ns) and self._earlier.complete(stamp_ns):
            self._jump()
        return stamp_ns > self._stamp_ns and self._aligner.complete(stamp_ns)

    def tick(self, stamp_ns: int) -> Frame | None:
        """Return the frame as of `stamp_ns`; None where time stands still since the last one."""
        if self._is_back(stamp_ns):
            self._jump()
        if stamp_ns <= self._stamp_ns:
            return None
        frame = self._aligner.frame(self._tick, stamp_ns)
        self._tick += 1
        self._stamp_ns = stamp_ns
        return self._explained(frame)

    def _is_back(self, stamp_ns: int) -> bool:
        return stamp_ns < self._stamp_ns - BACK_NS

    def _jump(self) -> None:
        """Go on at the earlier time, with what has come from there already."""
        self._aligner.clear()
        self._aligner, self._earlier = self._earlier, self._aligner
        self._errors.clear()
        self._stamp_ns = -1

    def _explained(self, frame: Frame) -> Frame:
        if not frame.fault:
            return frame
        return replace(frame, fault='; '.join(filter(None, [frame.fault, *self._errors.values()])))
