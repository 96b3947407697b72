"""The numbers of a stream straight from the bytes of its messages.

Making a Python message out of bytes takes ten times as long as reading three numbers. A message
that ends in doubles has them at the same distance from its end, however long its texts are; other
messages are made as usual.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from rclpy.serialization import deserialize_message

from il_core.codecs import PathCodec, codec
from il_core.spec import Stream
from il_core.types import NS_PER_S, Vector
from il_ros.build import to_ns
from il_ros.topics import message_class

LITTLE_ENDIAN = b'\x00\x01'
# After the 4 bytes that say how the rest is written.
STAMP = struct.Struct('<4xiI')
STAMP_PATHS = ['header.stamp.sec', 'header.stamp.nanosec']


class Sample(NamedTuple):
    """One message: its header stamp and (len(fields),) values."""

    stamp_ns: int
    values: Vector


class StreamReader:
    """Reads messages of one stream, for a subscription with `raw` as here.

    Attributes:
        raw: messages come as bytes.
    """

    def __init__(self, stream: Stream) -> None:
        plan = codec('stream', stream.codec)
        self._decode = plan.decoder(stream.fields)
        self._class = message_class(stream.type)
        leaves = list(_leaves(self._class))
        count, places = _tail(leaves)
        paths = plan.paths if isinstance(plan, PathCodec) else {}
        wanted = [paths.get(name, '') for name in stream.fields]
        stamped = [path for path, _ in leaves[:2]] == STAMP_PATHS
        self.raw = stamped and bool(wanted) and all(path in places for path in wanted)
        self._count = count
        self._places = np.array([places[path] for path in wanted if self.raw], np.intp)

    def __call__(self, message: Any) -> Sample:
        """Return what a message, or its bytes, says. Raises UserError where it lacks a name."""
        if isinstance(message, bytes | bytearray):
            if message[:2] == LITTLE_ENDIAN:
                sec, nanosec = STAMP.unpack_from(message)
                start = len(message) - 8 * self._count
                numbers = np.frombuffer(message, '<f8', self._count, start)
                return Sample(sec * NS_PER_S + nanosec, numbers[self._places])
            message = deserialize_message(message, self._class)
        return Sample(to_ns(message.header.stamp), self._decode(message))


def _leaves(message: Any, prefix: str = '') -> Iterator[tuple[str, str]]:
    """Yield path and type of everything in a message class that is not a message itself."""
    for name, kind in message.get_fields_and_field_types().items():
        package, inner, cls = kind.partition('/')
        if inner and not set('[<') & set(kind):
            yield from _leaves(message_class(f'{package}/msg/{cls}'), f'{prefix}{name}.')
        else:
            yield prefix + name, kind


def _tail(leaves: list[tuple[str, str]]) -> tuple[int, dict[str, int]]:
    """Return how many doubles end a message, and the places of single ones among them."""
    count, places = 0, dict[str, int]()
    for path, kind in leaves:
        if kind == 'double':
            places[path] = count
            count += 1
        elif kind.startswith('double['):
            count += int(kind[len('double[') : -1])
        else:
            count, places = 0, {}
    return count, places
