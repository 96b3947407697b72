"""Columns of one topic, decoded by the schema in the bag; fields it does not have get defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.codecs import MissingName
from il_core.types import NS_PER_S, Vector
from il_data.cdr import decode
from il_data.contents import RawTopic
from il_data.schema import fields_of


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a codec made of a topic: (n,) numbers of the messages that have what it reads, in the
    order of the file, and (n, width) values."""

    rows: NDArray[np.intp]
    values: Vector


class Table:
    """All messages of a topic. N messages, in the order of the file.

    Args:
        topic: raw messages; None stands for a topic that is not in the bag (N = 0).
    """

    def __init__(self, topic: RawTopic | None) -> None:
        self.n = len(topic.rows) if topic else 0
        self.log_ns = np.array(topic.log_ns if topic else [], np.int64)
        self.batches = (
            decode(topic.data, fields_of(topic.type, topic.schema), topic.type) if topic else []
        )

    def numbers(self, name: str, dtype: str, default: Any = 0) -> NDArray[Any]:
        """Return (N,) numbers of a field."""
        out = np.full(self.n, default, dtype)
        for batch in self.batches:
            out[batch.rows] = getattr(batch.message, name, default)
        return out

    def vectors(self, name: str, width: int) -> Vector:
        """Return (N, width) float64 of an array field; NaN where a message has another length."""
        out = np.full((self.n, width), np.nan)
        for batch in self.batches:
            value: Any = getattr(batch.message, name, ())
            if len(value) == width and width:
                out[batch.rows] = value.T
        return out

    def texts(self, name: str) -> NDArray[Any]:
        """Return (N,) texts of a field as objects."""
        out = np.full(self.n, '', object)
        for batch in self.batches:
            out[batch.rows] = getattr(batch.message, name, '')
        return out

    def stamps_ns(self) -> NDArray[np.int64]:
        """Return (N,) header stamps."""
        out = np.zeros(self.n, np.int64)
        for batch in self.batches:
            out[batch.rows] = _ns(batch.message.header.stamp)
        return out

    def stamp_lists_ns(self, name: str, width: int) -> NDArray[np.int64]:
        """Return (N, width) of an array of stamps; 0 where a message has another number."""
        out = np.zeros((self.n, width), np.int64)
        for batch in self.batches:
            stamps = getattr(batch.message, name, ())
            if len(stamps) == width and width:
                out[batch.rows] = np.stack([_ns(stamp) for stamp in stamps], axis=1)
        return out

    def decoded(self, decoder: Callable[[Any], Vector], width: int) -> Decoded:
        """Return what a codec's decoder makes of the messages, without those that lack a name.

        As live: the arm and the gripper may publish on one topic.

        Raises:
            UserError: all of them lack it, or one has another length.
        """
        out, known = np.empty((self.n, width)), np.zeros(self.n, bool)
        lacking: MissingName | None = None
        for batch in self.batches:
            try:
                out[batch.rows] = decoder(batch.message).T
            except MissingName as error:
                lacking = error
            else:
                known[batch.rows] = True
        if lacking is not None and not known.any():
            raise lacking
        return Decoded(np.flatnonzero(known), out[known])


def _ns(stamp: Any) -> NDArray[np.int64]:
    seconds: NDArray[np.int64] = stamp.sec.astype(np.int64) * NS_PER_S
    total: NDArray[np.int64] = seconds + stamp.nanosec.astype(np.int64)
    return total
