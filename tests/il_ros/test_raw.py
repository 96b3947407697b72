"""The numbers of a message from its bytes are those of the message."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from il_core.codecs import STREAM_CODECS
from il_core.spec import Stream
from il_core.types import NS_PER_S
from il_ros.build import build_stream
from il_ros.raw import StreamReader
from il_ros.topics import message_class

STAMP = 1_700_000_000_123_456_789
FIELDS = {
    'point': ('z', 'x'),
    'pose': ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'),
    'wrench': ('fz', 'tx'),
    'odometry': ('vrz', 'x', 'y', 'vx'),
    'twist': ('x', 'rz'),
}
NUMBERS = np.random.default_rng(0).normal(size=7)


def made(name: str, frame_id: str) -> tuple[StreamReader, bytes, np.ndarray]:
    stream = Stream(name, name, FIELDS[name], frame_id=frame_id)
    values = NUMBERS[: len(stream.fields)]
    return StreamReader(stream), serialize_message(build_stream(stream, values, STAMP)), values


@pytest.mark.parametrize('frame_id', ['', 'a', 'map', 'hand_level', 'twelve_chars'])
@pytest.mark.parametrize('name', FIELDS)
def test_whatever_the_texts_the_numbers_are_found(name: str, frame_id: str) -> None:
    reader, message, values = made(name, frame_id)
    assert reader.raw
    sample = reader(message)
    assert sample.stamp_ns == STAMP
    assert sample.values.dtype == np.float64
    assert sample.values.tolist() == values.tolist()


def test_a_second_text_in_the_middle() -> None:
    reader, message, values = made('odometry', 'odom')
    odometry = deserialize_message(message, message_class('nav_msgs/msg/Odometry'))
    odometry.child_frame_id = 'base_footprint'
    odometry.pose.covariance[0] = 7.0
    assert reader(serialize_message(odometry)).values.tolist() == values.tolist()


def test_what_was_read_does_not_change_with_the_message() -> None:
    reader, message, values = made('point', 'map')
    buffer = bytearray(message)
    sample = reader(buffer)
    buffer[-8:] = bytes(8)
    assert sample.values.tolist() == values.tolist()


def test_numbers_behind_lists_and_without_header_are_read_from_the_message() -> None:
    joints = Stream('joint_states', 'joint_state', ('a', 'b.velocity'))
    reader = StreamReader(joints)
    assert not reader.raw
    sample = reader(build_stream(joints, np.array([1.0, 2.0]), STAMP))
    assert (sample.stamp_ns, sample.values.tolist()) == (STAMP, [1.0, 2.0])


def test_another_byte_order_is_left_to_the_middleware() -> None:
    reader, _, _ = made('point', 'map')
    stamp = struct.pack('>iI', *divmod(STAMP, NS_PER_S))
    text = struct.pack('>I4s', 4, b'map')
    message = bytes(4) + stamp + text + struct.pack('>3d', 1.0, 2.0, 3.0)
    sample = reader(message)
    assert (sample.stamp_ns, sample.values.tolist()) == (STAMP, [3.0, 1.0])


def test_every_codec_of_a_stream_has_a_reader() -> None:
    raw = {name for name in STREAM_CODECS if StreamReader(Stream(name, name, fields(name))).raw}
    assert raw == set(FIELDS)


def fields(name: str) -> tuple[str, ...]:
    return FIELDS.get(name, ('a',) if name == 'joint_state' else ())
