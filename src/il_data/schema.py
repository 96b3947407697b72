"""Message definitions as text: found for writing, parsed for reading. No ROS needed."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from il_core.errors import UserError

# Type name to its fields in order: (name, description as rosbags parses it).
Fields = Mapping[str, tuple[tuple[str, Any], ...]]
SEPARATOR = '=' * 80


@dataclass(frozen=True)
class Definition:
    """What a bag says about a message type.

    Attributes:
        type: `sensor_msgs/msg/JointState`.
        text: the .msg text followed by those of all types it contains (schema encoding ros2msg).
        hash: RIHS01 hash of the type (REP-2011).
    """

    type: str
    text: str
    hash: str


@functools.cache
def definition(msgtype: str) -> Definition:
    """Return the definition of a type: the installed .msg files, otherwise those of Jazzy.

    Raises:
        UserError: neither is there.
    """
    texts: dict[str, str] = {}
    _collect(msgtype, texts)
    store = Typestore()
    for name, text in texts.items():
        store.register(get_types_from_msg(text, name))
    parts = [texts[msgtype].rstrip()]
    for name, text in texts.items():
        if name != msgtype:
            parts.append(f'{SEPARATOR}\nMSG: {name.replace("/msg/", "/")}\n{text.rstrip()}')
    return Definition(msgtype, '\n'.join(parts) + '\n', store.hash_rihs01(msgtype))


@functools.lru_cache(maxsize=256)
def fields_of(msgtype: str, text: str) -> Fields:
    """Parse a schema text into the fields of every type in it.

    Raises:
        UserError: the text is not a message definition, or one that it needs is not in it.
    """
    try:
        parsed = get_types_from_msg(text, msgtype)
    except TypesysError as error:
        raise UserError(f'message definition of {msgtype}', text[:40], str(error)) from error
    known = {
        name: tuple((field, desc) for field, desc in fields)
        for name, (_, fields) in parsed.items()
    }
    for name in [n for fields in known.values() for _, desc in fields for n in _names(desc)]:
        if name not in known:
            raise UserError(f'message definition of {msgtype}', name, 'is not in the bag')
    return known


def _collect(msgtype: str, texts: dict[str, str]) -> None:
    if msgtype in texts:
        return
    texts[msgtype] = _text(msgtype)
    for _, desc in get_types_from_msg(texts[msgtype], msgtype)[msgtype][1]:
        for name in _names(desc):
            _collect(name, texts)


def _names(desc: Any) -> list[str]:
    """Return the message types that a field description refers to."""
    if desc[0] == Nodetype.NAME:
        return [desc[1]]
    if desc[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        return _names(desc[1][0])
    return []


def _text(msgtype: str) -> str:
    package, _, name = msgtype.replace('/msg/', '/').partition('/')
    for place in _places():
        for path in (place / package / 'msg' / f'{name}.msg', place / 'msg' / f'{name}.msg'):
            if path.is_file() and (package == path.parts[-3] or package == 'interactive_il'):
                return path.read_text()
    store = jazzy()
    if msgtype not in store.fielddefs:
        looked = ', '.join(map(str, _places()))
        raise UserError('message type', msgtype, f'no {name}.msg of {package} below {looked}')
    return store.generate_msgdef(msgtype, ros_version=2)[0].partition(SEPARATOR)[0] or '\n'


def _places() -> list[Path]:
    """Return folders that hold PACKAGE/msg/NAME.msg; the source tree's root (msg/NAME.msg) is
    the last."""
    ament = [Path(p) / 'share' for p in os.environ.get('AMENT_PREFIX_PATH', '').split(':') if p]
    return [*ament, Path(sys.prefix) / 'share', Path(__file__).resolve().parents[2]]


@functools.cache
def jazzy() -> Typestore:
    """Return the message definitions of ROS 2 Jazzy."""
    return get_typestore(Stores.ROS2_JAZZY)
