"""What messages say as numbers: by name, by path, and what is said where one does not fit."""

from __future__ import annotations

from types import SimpleNamespace as Msg

import numpy as np
import pytest

from il_core.codecs import COMMAND_CODECS, STREAM_CODECS, ImageCodec, codec
from il_core.errors import UserError

XYZ = Msg(x=1.0, y=2.0, z=3.0)
POSE = Msg(pose=Msg(position=XYZ, orientation=Msg(x=0.1, y=0.2, z=0.3, w=0.9)))


def joints(*names: str) -> Msg:
    return Msg(name=list(names), position=[float(len(n)) for n in names], velocity=[9.0, 8.0])


def test_joints_are_found_by_name_whatever_their_order() -> None:
    decode = codec('stream', 'joint_state').decoder(('lift', 'arm'))
    for message in (joints('arm', 'lift'), joints('lift', 'arm'), joints('arm', 'lift')):
        assert decode(message).tolist() == [4.0, 3.0]


def test_a_joint_name_with_a_dot_is_told_from_a_part() -> None:
    message = joints('left.arm', 'lift')
    decode = codec('stream', 'joint_state').decoder(('left.arm', 'lift.velocity'))
    assert decode(message).tolist() == [8.0, 8.0]


def test_a_missing_joint_is_named_with_those_that_are_there() -> None:
    decode = codec('stream', 'joint_state').decoder(('wrist',))
    with pytest.raises(UserError, match=r"'wrist': is not in the message; choices: arm, lift"):
        decode(joints('arm', 'lift'))


@pytest.mark.parametrize(
    ('name', 'fields', 'message', 'values'),
    [
        ('pose', ('z', 'qw', 'x'), POSE, [3.0, 0.9, 1.0]),
        ('point', ('y',), Msg(point=XYZ), [2.0]),
        ('wrench', ('fx', 'tz'), Msg(wrench=Msg(force=XYZ, torque=XYZ)), [1.0, 3.0]),
        ('twist', ('x', 'rz'), Msg(twist=Msg(linear=XYZ, angular=XYZ)), [1.0, 3.0]),
        (
            'odometry',
            ('x', 'qz', 'vx', 'vrz'),
            Msg(pose=POSE, twist=Msg(twist=Msg(linear=XYZ, angular=XYZ))),
            [1.0, 0.3, 1.0, 3.0],
        ),
    ],
)
def test_fields_come_in_the_order_asked_for(
    name: str, fields: tuple[str, ...], message: Msg, values: list[float]
) -> None:
    vector = codec('stream', name).decoder(fields)(message)
    assert vector.dtype == np.float64
    assert vector.tolist() == values


def test_a_trajectory_is_read_by_joint_at_its_last_point() -> None:
    points = [Msg(positions=[0.0, 0.0]), Msg(positions=[1.0, 2.0])]
    decode = codec('command', 'joint_trajectory').decoder(('b', 'a'))
    assert decode(Msg(joint_names=['a', 'b'], points=points)).tolist() == [2.0, 1.0]
    with pytest.raises(UserError, match='at least one point'):
        decode(Msg(joint_names=['a', 'b'], points=[]))


@pytest.mark.parametrize(
    ('field', 'words'),
    [
        ('lift.effort', 'JointState.effort is 0: must have 2 entries or more, for joint lift'),
        ('lift', 'JointState.position is 1: must have 2 entries or more, for joint lift'),
    ],
)
def test_a_part_that_a_driver_left_out_or_cut_is_named_with_its_joint(
    field: str, words: str
) -> None:
    message = Msg(name=['arm', 'lift'], position=[1.0], velocity=[9.0, 8.0], effort=[])
    decode = codec('stream', 'joint_state').decoder(('arm.velocity', field))
    with pytest.raises(UserError, match=words):
        decode(message)


def test_a_trajectory_point_without_positions_is_refused() -> None:
    decode = codec('command', 'joint_trajectory').decoder(('a',))
    with pytest.raises(UserError, match=r'points.positions is 0: .* for joint a'):
        decode(Msg(joint_names=['a'], points=[Msg(positions=[])]))


def test_an_array_of_the_wrong_length_is_refused() -> None:
    decode = codec('command', 'float64_array').decoder(('left', 'right'))
    with pytest.raises(UserError, match=r"is 3: must have the 2 entries \('left', 'right'\)"):
        decode(Msg(data=[1.0, 2.0, 3.0]))


def test_an_image_with_padded_rows_is_read_without_its_padding() -> None:
    rows = np.arange(2 * 8, dtype=np.uint8).reshape(2, 8)  # two pixels of three bytes, two unused
    message = Msg(encoding='rgb8', width=2, height=2, step=8, data=rows.tobytes())
    image_codec = codec('stream', 'image')
    assert isinstance(image_codec, ImageCodec)
    image = image_codec.image(message)
    assert image.shape == (2, 2, 3)
    assert image[1, 1].tolist() == [11, 12, 13]
    assert image_codec.decoder(())(message).size == 0


def test_an_unknown_encoding_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="'yuv422': not known; choices: rgb8, bgr8, mono8"):
        STREAM_CODECS['image'].image(Msg(encoding='yuv422'))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ('size', 'step'), [(15, 8), (16, 5), (17, 8)], ids=['cut', 'rows too short', 'too long']
)
def test_an_image_of_another_size_than_it_says_is_refused(size: int, step: int) -> None:
    message = Msg(encoding='rgb8', width=2, height=2, step=step, data=bytes(size))
    with pytest.raises(UserError, match=f'image data is .{size} bytes, 2 rows of {step}'):
        STREAM_CODECS['image'].image(message)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ('kind', 'table'), [('stream', STREAM_CODECS), ('command', COMMAND_CODECS)]
)
def test_unknown_codecs_and_fields_list_the_choices(kind: str, table: dict[str, object]) -> None:
    with pytest.raises(UserError) as caught:
        codec(kind, 'jointstate')
    assert set(caught.value.choices) == set(table)
    if kind == 'stream':
        with pytest.raises(UserError, match=r"field of .*PoseStamped is 'roll'.*choices: x, y, z"):
            codec(kind, 'pose').decoder(('roll',))
