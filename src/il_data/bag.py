"""Write one rosbag2 directory: an MCAP file in small zstd chunks and metadata.yaml beside it.

Whatever was written longer than `flush_s` ago survives a kill -9: a chunk is closed and handed to
the operating system at least that often. The file is locked while it is open, so that a repair
leaves the bag of a running recorder alone.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml
from mcap.writer import CompressionType, Writer

from il_core.types import NS_PER_S
from il_data.atomic import write_text
from il_data.schema import Definition, definition

PROFILE = 'ros2'
LIBRARY = 'interactive_il'
NOTE = 'interactive_il'  # name of the metadata record that a cut bag is understood by
METADATA = 'metadata.yaml'
CHUNK_BYTES = 64 * 1024
FOREVER = {'sec': 9223372036, 'nsec': 854775807}


@dataclass(frozen=True)
class Qos:
    """What the publisher offers; `ros2 bag play` publishes with it. `depth` 0: unknown."""

    reliable: bool = True
    transient_local: bool = False
    depth: int = 1

    def plain(self) -> dict[str, Any]:
        """Return the form of rosbag2's metadata version 9."""
        return {
            'history': 'keep_last' if self.depth else 'unknown',
            'depth': self.depth,
            'reliability': 'reliable' if self.reliable else 'best_effort',
            'durability': 'transient_local' if self.transient_local else 'volatile',
            'deadline': FOREVER,
            'lifespan': FOREVER,
            'liveliness': 'automatic',
            'liveliness_lease_duration': FOREVER,
            'avoid_ros_namespace_conventions': False,
        }

    @classmethod
    def parse(cls, text: str) -> Qos:
        """Read the first profile of a channel's `offered_qos_profiles`; the default where there
        is none."""
        profiles = yaml.safe_load(text or '[]')
        if not profiles:
            return cls()
        first = profiles[0]
        return cls(
            first['reliability'] in ('reliable', 1),
            first['durability'] in ('transient_local', 1),
            int(first['depth']),
        )


@dataclass(frozen=True)
class Topic:
    """A topic as a bag knows it: resolved name (`/reach/policy/proposal`), type and offer."""

    name: str
    type: str
    qos: Qos = Qos()


@dataclass(frozen=True, slots=True)
class Arrival:
    """One received message: serialized, with receive and publish stamps on the system clock.

    `sequence` is the publisher's own count (MessageInfo.publication_sequence_number), 0 where it
    is not known.
    """

    data: bytes
    log_ns: int
    publish_ns: int
    sequence: int = 0


def is_open(path: Path) -> bool:
    """True where a recorder writes this file now."""
    with path.open('rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class BagWriter:
    """Write the bag of one episode. A context manager; `close` makes it a valid rosbag2.

    Args:
        folder: the bag's directory; made, must not exist. Its name names the file in it, unless
            `file` does.
        note: what must be known of a bag that was cut off (seed, operator, spec ...).
        flush_s: how much may be lost when the process is killed.
        library: who recorded it; a repair writes for others, too.
    """

    def __init__(
        self,
        folder: Path,
        note: Mapping[str, Any],
        flush_s: float = 0.5,
        library: str = LIBRARY,
        file: str = '',
    ) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.path = folder / (file or f'{folder.name}_0.mcap')
        self._flush_ns = round(flush_s * NS_PER_S)
        self._flushed_ns: int | None = None
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._topics: dict[str, Topic] = {}
        self._hashes: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._span: tuple[int, int] | None = None
        self._finished = False
        self._file: io.BufferedWriter = self.path.open('wb')
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._mcap: Any = Writer(self._file, CHUNK_BYTES, CompressionType.ZSTD)
        self._mcap.start(PROFILE, library)
        self._mcap.add_metadata(NOTE, {'note': json.dumps(note)})
        self._file.flush()

    @property
    def bytes_written(self) -> int:
        return self._file.tell()

    def add_topic(self, topic: Topic, known: Definition | None = None) -> None:
        """Register a topic, with the `known` definition or the installed one (UserError where
        there is none)."""
        if topic.name in self._channels:
            return
        found = known or definition(topic.type)
        if topic.type not in self._schemas:
            self._schemas[topic.type] = self._mcap.register_schema(
                topic.type, 'ros2msg', found.text.encode()
            )
        qos = yaml.safe_dump([topic.qos.plain()], sort_keys=False)
        extra = {'offered_qos_profiles': qos, 'topic_type_hash': found.hash}
        schema = self._schemas[topic.type]
        self._channels[topic.name] = self._mcap.register_channel(topic.name, 'cdr', schema, extra)
        self._topics[topic.name] = topic
        self._hashes[topic.name] = found.hash
        self._counts[topic.name] = 0

    def write(self, topic: str, arrival: Arrival) -> None:
        """Append one message of a registered topic."""
        log_ns = arrival.log_ns
        self._mcap.add_message(
            self._channels[topic],
            log_ns,
            arrival.data,
            arrival.publish_ns,
            arrival.sequence & 0xFFFFFFFF,
        )
        self._counts[topic] += 1
        low, high = self._span or (log_ns, log_ns)
        self._span = (min(low, log_ns), max(high, log_ns))

    def flush_if_due(self, now_ns: int) -> None:
        """Hand everything to the operating system if the last time is `flush_s` ago."""
        if self._flushed_ns is None or now_ns - self._flushed_ns >= self._flush_ns:
            self._mcap.flush()
            self._flushed_ns = now_ns

    def abandon(self) -> None:
        """Let go of a file that cannot be written any more. What reached the disk can be
        repaired."""
        self._file.raw.close()

    def finish(self) -> None:
        """Finish the file and write metadata.yaml. It stays locked until `close`, as a bag that is
        being recorded. Safe to call twice."""
        if self._finished:
            return
        self._mcap.finish()
        self._file.flush()
        os.fsync(self._file.fileno())  # a manifest on the disk speaks for it
        text = yaml.safe_dump(
            {'rosbag2_bagfile_information': self._metadata()}, sort_keys=False, width=1000
        )
        write_text(self.folder / METADATA, text)
        self._finished = True

    def close(self) -> None:
        """Finish the file and let go of it. Safe to call twice."""
        if not self._file.closed:
            self.finish()
            self._file.close()

    def _metadata(self) -> dict[str, Any]:
        low, high = self._span or (0, 0)
        span = {
            'duration': {'nanoseconds': high - low},
            'starting_time': {'nanoseconds_since_epoch': low},
            'message_count': sum(self._counts.values()),
        }
        return {
            'version': 9,
            'storage_identifier': 'mcap',
            **span,
            'topics_with_message_count': [self._topic(t) for t in self._topics.values()],
            'compression_format': '',
            'compression_mode': '',
            'relative_file_paths': [self.path.name],
            'files': [{'path': self.path.name, **span}],
            'custom_data': None,
            'ros_distro': 'jazzy',
        }

    def _topic(self, topic: Topic) -> dict[str, Any]:
        return {
            'topic_metadata': {
                'name': topic.name,
                'type': topic.type,
                'serialization_format': 'cdr',
                'offered_qos_profiles': [topic.qos.plain()],
                'type_description_hash': self._hashes[topic.name],
            },
            'message_count': self._counts[topic.name],
        }

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
