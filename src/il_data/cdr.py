"""Decode many serialized messages of one topic at once.

Messages of a topic mostly share one byte layout (same lengths, same names). Those that do are
stacked as rows of bytes and every number becomes a column: a `Batch` looks like one message
object whose numbers are arrays over its rows, so the duck-typed decoders of `il_core.codecs` work
on it unchanged and return (fields, rows). Layouts come from the schema stored in the bag, so old
bags stay readable; padding bytes are never looked at (they are uninitialised memory).

Format: XCDR1, OMG DDS-XTypes 1.3, section 7.4.3; ROS 2 puts a 4-byte header before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Nodetype

from il_core.errors import UserError
from il_data.schema import Fields

HEADER = 4
_DTYPES = {
    'bool': '?',
    'byte': 'u1',
    'char': 'u1',
    'octet': 'u1',
    'float32': 'f4',
    'float64': 'f8',
    **{f'{"u" * u}int{8 * n}': f'{"u" if u else "i"}{n}' for n in (1, 2, 4, 8) for u in (0, 1)},
}


@dataclass(frozen=True, eq=False)
class Batch:
    """Messages with the same layout and the same texts.

    Attributes:
        rows: (n,) their positions among the messages that were decoded.
        message: nested like the message; a number is (n,), an array of numbers (length, n), a
            text one str, an array of texts or messages a list.
    """

    rows: NDArray[np.intp]
    message: Any


@dataclass(frozen=True)
class _Numbers:
    offset: int
    dtype: str
    count: int  # -1: a scalar


@dataclass(frozen=True)
class _Text:
    offset: int
    size: int


def decode(messages: Sequence[bytes], fields: Fields, msgtype: str) -> list[Batch]:
    """Decode all `messages` of type `msgtype` into as few batches as their layouts allow.

    Raises:
        UserError: a message does not fit its definition (a damaged bag).
    """
    batches: list[Batch] = []
    sizes = np.fromiter(map(len, messages), np.intp, len(messages))
    for size in np.unique(sizes):
        index = np.flatnonzero(sizes == size)
        data = b''.join([messages[i] for i in index.tolist()])
        stack = np.frombuffer(data, np.uint8).reshape(len(index), size)
        batches.extend(_batches(index, stack, fields, msgtype))
    return batches


def _batches(
    index: NDArray[np.intp], stack: NDArray[np.uint8], fields: Fields, msgtype: str
) -> Iterator[Batch]:
    while len(index):
        walk = _Walk(stack[0].tobytes(), fields)
        try:
            tree = walk.struct(msgtype)
        except (IndexError, KeyError) as error:
            raise UserError(
                f'message of {msgtype}', f'{stack.shape[1]} bytes', 'does not fit its definition'
            ) from error
        lengths = _columns([(offset, 4) for offset in walk.lengths] + [(1, 1)])
        same = (stack[:, lengths] == stack[0, lengths]).all(axis=1)
        texts = _columns([(t.offset, t.size) for t in walk.texts])
        for group in _by_text(stack[same][:, texts]):
            rows = np.flatnonzero(same)[group]
            yield Batch(index[rows], _build(tree, stack[rows], walk.order))
        index, stack = index[~same], stack[~same]


def _columns(spans: list[tuple[int, int]]) -> NDArray[np.intp]:
    return np.array([o + i for o, size in spans for i in range(size)], np.intp)


def _by_text(texts: NDArray[np.uint8]) -> list[NDArray[np.intp]]:
    if not texts.shape[1] or (texts == texts[0]).all():
        return [np.arange(len(texts))]
    groups = np.unique(texts, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(groups, kind='stable')
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


class _Walk:
    """Find where everything is in one serialized message."""

    def __init__(self, data: bytes, fields: Fields) -> None:
        if len(data) < HEADER:
            raise UserError('serialized message', data, 'is shorter than its header')
        self.data, self.fields, self.at = data, fields, HEADER
        self.order: str = '<' if data[1] & 1 else '>'
        self.lengths: list[int] = []
        self.texts: list[_Text] = []

    def struct(self, name: str) -> dict[str, Any]:
        return {field: self.value(desc) for field, desc in self.fields[name]}

    def value(self, desc: Any) -> Any:
        kind, what = desc[0], desc[1]
        if kind == Nodetype.NAME:
            return self.struct(what)
        if kind == Nodetype.BASE:
            return self.text() if what[0] == 'string' else self.numbers(what[0], -1)
        element, bound = what
        count = bound if kind == Nodetype.ARRAY else self.length()
        if element[0] == Nodetype.BASE and element[1][0] != 'string':
            return self.numbers(element[1][0], count)
        if count > len(self.data):
            raise IndexError
        return [self.value(element) for _ in range(count)]

    def length(self) -> int:
        self.align(4)
        self.lengths.append(self.at)
        raw = self.take(4)
        return int.from_bytes(raw, 'little' if self.order == '<' else 'big')

    def text(self) -> _Text:
        size = self.length()
        text = _Text(self.at, size)
        self.take(size)
        self.texts.append(text)
        return text

    def numbers(self, name: str, count: int) -> _Numbers:
        dtype = np.dtype(_DTYPES[name])
        if count:
            self.align(dtype.itemsize)
        numbers = _Numbers(self.at, _DTYPES[name], count)
        self.take(abs(count) * dtype.itemsize)
        return numbers

    def align(self, size: int) -> None:
        self.at += -(self.at - HEADER) % size

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise IndexError
        raw, self.at = self.data[self.at : end], end
        return raw


def _build(tree: Any, stack: NDArray[np.uint8], order: str) -> Any:
    """Turn a layout and rows of bytes into a message of columns."""
    if isinstance(tree, dict):
        return SimpleNamespace(**{k: _build(v, stack, order) for k, v in tree.items()})
    if isinstance(tree, list):
        return [_build(v, stack, order) for v in tree]
    if isinstance(tree, _Text):
        raw = stack[0, tree.offset : tree.offset + tree.size].tobytes()
        return raw.rstrip(b'\0').decode(errors='replace')
    dtype = np.dtype(order + tree.dtype)
    if tree.count == 0:
        return np.empty((0, len(stack)), dtype.newbyteorder('='))
    size = abs(tree.count) * dtype.itemsize
    values = np.ascontiguousarray(stack[:, tree.offset : tree.offset + size]).view(dtype)
    native = values.astype(dtype.newbyteorder('='), copy=False)
    return native[:, 0] if tree.count < 0 else native.T
