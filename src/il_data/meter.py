"""Count what arrives on one topic: rate, longest gap, and messages lost on the way."""

from __future__ import annotations

import struct
from typing import NamedTuple

from rosbags.interfaces import Nodetype

from il_core.types import NS_PER_S
from il_data.bag import Arrival
from il_data.schema import fields_of

_STAMP = {1: struct.Struct('<iI'), 0: struct.Struct('>iI')}
_STAMP_END = 12


class TopicStats(NamedTuple):
    """One topic over one episode.

    `rate_hz` and `max_gap_s` are on header stamps where the type has a header, otherwise on
    receive stamps. `lost` is exact with one publisher (its own message count has holes); with
    more `publishers` it is -1: unknown. `early` messages came before the start.
    """

    name: str
    type: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    rate_hz: float = 0.0
    max_gap_s: float = 0.0
    lost: int = 0
    publishers: int = 1
    early: int = 0


class Meter:
    """Running figures of one topic.

    `last_ns` is the latest stamp so far; `lag_ns` is how long after its header stamp the fastest
    message was received, None where none has a stamp. It holds what the two clocks differ by.

    Args:
        name: resolved topic name.
        msgtype: ROS type name.
        schema: its definition, which tells whether messages begin with a header.
        shared: several publishers are normal, so that loss is never known.
    """

    def __init__(self, name: str, msgtype: str, schema: str, shared: bool = False) -> None:
        self.name, self.type, self.shared = name, msgtype, shared
        first = fields_of(msgtype, schema)[msgtype][:1]
        self.stamped = [desc for _, desc in first] == [(Nodetype.NAME, 'std_msgs/msg/Header')]
        self.count = self.early = 0
        self.publishers = 1
        self.lag_ns: int | None = None
        self._first_ns = self.last_ns = self._gap_ns = self._sequence = self._holes = 0

    @property
    def lost(self) -> int:
        """Messages lost so far; -1: unknown, as several publishers count on their own."""
        return -1 if self.shared or self.publishers > 1 else self._holes

    def add(self, arrival: Arrival) -> None:
        """Count one message of the running episode."""
        stamp_ns = self.stamp_ns(arrival)
        if self.stamped:
            lag_ns = arrival.log_ns - stamp_ns
            self.lag_ns = lag_ns if self.lag_ns is None else min(self.lag_ns, lag_ns)
        if self.count:
            self._gap_ns = max(self._gap_ns, stamp_ns - self.last_ns)
            self._count_loss(arrival.sequence)
        else:
            self._first_ns = stamp_ns
        self.last_ns = max(stamp_ns, self.last_ns)
        self._sequence = arrival.sequence
        self.count += 1

    def leave_out(self, arrival: Arrival) -> None:
        """A message came that is not of the episode: no hole in what is counted."""
        self._sequence = arrival.sequence

    def stamp_ns(self, arrival: Arrival) -> int:
        """Return the header stamp where there is one, otherwise (0 is none) the receive stamp."""
        if not self.stamped or len(arrival.data) < _STAMP_END:
            return arrival.log_ns
        sec, nanosec = _STAMP[arrival.data[1] & 1].unpack_from(arrival.data, 4)
        return int(sec) * NS_PER_S + int(nanosec) or arrival.log_ns

    def _count_loss(self, sequence: int) -> None:
        """A hole in the publisher's count is a loss; a count that goes back is a publisher that
        began again."""
        if sequence > self._sequence > 0:
            self._holes += sequence - self._sequence - 1

    def silent_ns(self, end_ns: int) -> int:
        """Return how long before the stamp `end_ns` it ended, where it was never silent for longer
        before; 0 otherwise. Its last messages may be on their way."""
        silent_ns = end_ns - self.last_ns
        return silent_ns if self.stamped and silent_ns >= self._gap_ns > 0 else 0

    def stats(self) -> TopicStats:
        span_s = (self.last_ns - self._first_ns) / NS_PER_S
        return TopicStats(
            self.name,
            self.type,
            self.count,
            round((self.count - 1) / span_s, 3) if span_s > 0 else 0.0,
            round(self._gap_ns / NS_PER_S, 6),
            self.lost,
            self.publishers,
            self.early,
        )
