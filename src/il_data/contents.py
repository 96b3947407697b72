"""Read the raw messages of a bag, topic by topic: our own MCAP files, cut ones, and foreign
bags."""

from __future__ import annotations

import contextlib
import functools
import json
import mmap
import os
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Header, Metadata, Schema
from mcap.stream_reader import StreamReader, get_chunk_data_stream
from mcap.writer import MCAP0_MAGIC
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.rosbag2.errors import ReaderError
from zstandard import FRAME_HEADER, ZstdDecompressor, ZstdError

from il_core.errors import UserError
from il_data.bag import LIBRARY, NOTE, Arrival
from il_data.schema import definition, jazzy

# What a damaged record can raise: mcap's errors, a cut structure, a wrong checksum, size or id.
DAMAGE = (McapError, ZstdError, struct.error, ValueError, LookupError, EOFError, MemoryError)
_MESSAGE = struct.Struct('<BQHIQQ')  # opcode, length, channel, sequence, log time, publish time
_RECORD = struct.Struct('<BQ')  # opcode, length
_FOOTER = struct.Struct('<BQQQI')  # opcode, length, begin of the summary, of its offsets, crc
_TAKEN: tuple[int, ...] = (
    Opcode.HEADER,
    Opcode.METADATA,
    Opcode.SCHEMA,
    Opcode.CHANNEL,
    Opcode.MESSAGE,
    Opcode.CHUNK,
)


Row = tuple[int, int, int, bytes]  # receive stamp, publish stamp (ns), sequence, data


@dataclass
class RawTopic:
    """Everything of one topic, in the order of the file."""

    name: str
    type: str
    schema: str
    metadata: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @property
    def log_ns(self) -> list[int]:
        """Receive stamps."""
        return [row[0] for row in self.rows]

    @property
    def data(self) -> list[bytes]:
        """Serialized messages."""
        return [row[3] for row in self.rows]

    @property
    def arrivals(self) -> list[Arrival]:
        return [
            Arrival(data, log_ns, publish_ns, sequence)
            for log_ns, publish_ns, sequence, data in self.rows
        ]


@dataclass
class Contents:
    """What a bag holds.

    Attributes:
        topics: by resolved name; without messages where its type was not asked for.
        note: what our recorder wrote at the start; empty for foreign bags.
        library: who wrote the file.
        damage: what is wrong with the file, in words; empty where it is whole.
    """

    topics: dict[str, RawTopic] = field(default_factory=dict)
    note: dict[str, Any] = field(default_factory=dict)
    library: str = ''
    damage: str = ''

    @property
    def ours(self) -> bool:
        return self.library == LIBRARY

    @property
    def count(self) -> int:
        return sum(len(topic.rows) for topic in self.topics.values())


def read_mcap(path: Path, types: Collection[str] = ()) -> Contents:
    """Read an MCAP file from front to back, without its index, as far as it is readable.

    Args:
        path: the .mcap file; may be cut off or damaged, see `Contents.damage`.
        types: message types to keep the data of; empty: all.
    """
    contents = Contents()
    for _ in _read(path, contents, types):
        pass
    return contents


def mcap_chunks(path: Path) -> Iterator[Contents]:
    """Read an MCAP file as `read_mcap` does, but hold one chunk at a time.

    Yields the same contents again and again, each time with the messages of one chunk alone; the
    last time, with none, `damage` says all that is wrong.
    """
    contents = Contents()
    for _ in _read(path, contents, ()):
        yield contents
        for topic in contents.topics.values():
            topic.rows.clear()
    yield contents


def _read(path: Path, contents: Contents, types: Collection[str]) -> Iterator[None]:
    """Add what is in a file to `contents`; stops after each part that may hold messages."""
    reading = _McapReading(contents, frozenset(types))
    with path.open('rb') as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            contents.damage = 'it is empty'
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                yield from reading.run(data, size)
            except DAMAGE as error:
                reading.say(str(error) or 'it is cut off')


def library_of(path: Path) -> str:
    """Return who wrote an MCAP file; empty where its beginning is not readable."""
    with path.open('rb') as file:
        try:
            first = next(iter(StreamReader(file).records))
        except (*DAMAGE, StopIteration):
            return ''
    return first.library if isinstance(first, Header) else ''


def read_any(folder: Path, types: Collection[str] = ()) -> Contents:
    """Read a bag of any storage (sqlite3, compressed, several files) through rosbags.

    Args:
        folder: the bag; one of before ROS 2 Iron holds no definitions, there those here stand in.
        types: message types to keep the data of; empty: all.

    Raises:
        UserError: it is no bag, or damaged.
    """
    contents = Contents(library='rosbags')
    try:
        with AnyReader([folder], default_typestore=jazzy()) as reader:
            topics = {
                c.id: RawTopic(c.topic, c.msgtype, c.msgdef.data) for c in reader.connections
            }
            wanted = [c for c in reader.connections if not types or c.msgtype in types]
            for connection in wanted:
                topic = topics[connection.id]
                topic.schema = topic.schema or definition(topic.type).text
            for connection, stamp, data in reader.messages(wanted) if wanted else ():
                topics[connection.id].rows.append((stamp, stamp, 0, bytes(data)))
    except (AnyReaderError, ReaderError, OSError, *DAMAGE) as error:
        raise UserError('bag', str(folder), f'cannot be read ({error})') from error
    for topic in topics.values():
        contents.topics[topic.name] = topic
    return contents


class _McapReading:
    """Collect records into `contents`."""

    def __init__(self, contents: Contents, types: frozenset[str]) -> None:
        self.contents, self.types = contents, types
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, RawTopic | None] = {}

    def say(self, damage: str) -> None:
        self.contents.damage = '; '.join(filter(None, (self.contents.damage, damage)))

    def run(self, data: mmap.mmap, size: int) -> Iterator[None]:
        """Take every record of a file, one by one; raises one of DAMAGE where it breaks off."""
        if data[: len(MCAP0_MAGIC)] != MCAP0_MAGIC:
            raise ValueError('it is no MCAP file')
        at, taken = len(MCAP0_MAGIC), _TAKEN
        while at + _RECORD.size <= size:
            opcode, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            if at + length > size:
                break
            if opcode == Opcode.FOOTER:
                return
            if opcode == Opcode.DATA_END:
                taken = ()  # what follows repeats what was
            elif opcode in taken:
                said = self.contents.damage
                self.record(opcode, data[at : at + length])
                if self.contents.damage != said:
                    self.definitions(data, size)
                yield
            at += length
        raise EOFError('it is cut off')

    def definitions(self, data: mmap.mmap, size: int) -> None:
        """Take the definitions of topics from the end of a file that has one: they may be in a
        chunk that is damaged, which is the first one in our bags."""
        footer = size - len(MCAP0_MAGIC) - _FOOTER.size
        if footer < 0 or data[footer + _FOOTER.size : size] != MCAP0_MAGIC:
            return
        opcode, _, begin, _, _ = _FOOTER.unpack_from(data, footer)
        if opcode == Opcode.FOOTER and 0 < begin < footer:
            with contextlib.suppress(*DAMAGE):  # then they are damaged, too
                self.walk(data[begin:footer])

    def record(self, opcode: int, body: bytes) -> None:
        stream = ReadDataStream(BytesIO(body))
        if opcode == Opcode.CHUNK:
            self.chunk(Chunk.read(stream))
        elif opcode == Opcode.HEADER:
            self.contents.library = Header.read(stream).library
        elif opcode == Opcode.METADATA:
            note = Metadata.read(stream)
            if note.name == NOTE:
                self.contents.note = json.loads(note.metadata['note'])
        else:
            self.walk(_RECORD.pack(opcode, len(body)) + body)

    def channel(self, record: Channel) -> None:
        schema, topics = self.schemas[record.schema_id], self.contents.topics
        kept = not self.types or schema.name in self.types
        known = topics.get(record.topic)
        if known is None or (kept and self.types and known.type not in self.types):
            text = schema.data.decode()
            topics[record.topic] = RawTopic(record.topic, schema.name, text, dict(record.metadata))
        self.channels[record.id] = topics[record.topic] if kept else None

    def chunk(self, chunk: Chunk) -> None:
        """Take a chunk apart; a damaged one is left out and said."""
        try:
            stream, size = get_chunk_data_stream(chunk, validate_crc=True)
            self.walk(stream.read(size))
        except DAMAGE as error:
            self.say(f'a chunk is damaged ({error})')

    def walk(self, data: bytes) -> None:
        """Take records that lie one behind the other; nearly all are messages."""
        at, end = 0, len(data)
        channels, unpack, head = self.channels, _MESSAGE.unpack_from, _MESSAGE.size
        foreign = not self.contents.ours
        while at < end:
            opcode, length = _RECORD.unpack_from(data, at)
            after = at + _RECORD.size + length
            if opcode == Opcode.MESSAGE:
                _, _, channel, sequence, log_ns, publish_ns = unpack(data, at)
                topic = channels.get(channel)
                if topic is not None:
                    body = data[at + head : after]
                    if foreign and body.startswith(FRAME_HEADER):  # no CDR begins so
                        body = ZstdDecompressor().decompress(body)
                    topic.rows.append((log_ns, publish_ns, sequence, body))
            elif opcode == Opcode.SCHEMA:
                schema = _schema(data[at + _RECORD.size : after])
                self.schemas[schema.id] = schema
            elif opcode == Opcode.CHANNEL:
                self.channel(_channel(data[at + _RECORD.size : after]))
            at = after


@functools.lru_cache(maxsize=512)  # the same in all bags of a run
def _schema(body: bytes) -> Schema:
    schema: Schema = Schema.read(ReadDataStream(BytesIO(body)))
    return schema


@functools.lru_cache(maxsize=512)
def _channel(body: bytes) -> Channel:
    channel: Channel = Channel.read(ReadDataStream(BytesIO(body)))
    return channel
