"""What a terminal sends, as key names, and which keys do what."""

from __future__ import annotations

from dataclasses import dataclass

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import AxisKind, Press

ARROWS = {'A': 'up', 'B': 'down', 'C': 'right', 'D': 'left'}
ESCAPE = '\x1b'
SPACE, QUIT = ' ', 'q'
PRESSES = {
    't': Press.TAKEOVER,
    'r': Press.RELEASE,
    'y': Press.SUCCESS,
    'n': Press.FAILURE,
    'd': Press.DISCARD,
    'e': Press.ESTOP,
}
# (plus, minus) of the axes that move, in spec order.
PAIRS = (
    ('up', 'down'),
    ('left', 'right'),
    ('w', 's'),
    ('i', 'k'),
    ('j', 'l'),
    ('u', 'o'),
    ('f', 'v'),
    ('[', ']'),
)
LATCHES = ('g', 'h', 'b')


class Decoder:
    """Bytes to key names. An escape sequence may come in pieces; what is not a key is dropped."""

    def __init__(self) -> None:
        self._rest = ''

    def feed(self, data: bytes) -> list[str]:
        """Return the keys in `data`: single characters (lower case), `up down left right`."""
        text = self._rest + data.decode('ascii', 'ignore')
        self._rest, keys = '', []
        while text:
            if text[0] != ESCAPE:
                keys.append(text[0].lower())
                text = text[1:]
            elif len(text) < 3 and text[1:] in ('', '[', 'O'):
                self._rest, text = text, ''
            else:
                key, text = _escaped(text)
                keys += key
        return keys


def _escaped(text: str) -> tuple[list[str], str]:
    """Return the key of the escape sequence that `text` begins with, if any, and what follows."""
    if text[1] not in '[O':
        return [], text[1:]
    end = 2
    while end < len(text) - 1 and not text[end].isalpha() and text[end] != '~':
        end += 1
    return [ARROWS[text[end]]] if text[end] in ARROWS else [], text[end + 1 :]


@dataclass(frozen=True)
class Layout:
    """Keys of a robot: (plus, minus) per moving axis and one key per latched axis, by axis
    number."""

    pairs: dict[int, tuple[str, str]]
    latches: dict[int, str]
    digits: int | None

    def help(self, spec: Spec) -> list[str]:
        """Return what every key does, in lines."""
        names = spec.axis_names
        lines = [f'{plus} / {minus}: {names[i]} + / -' for i, (plus, minus) in self.pairs.items()]
        lines += [f'{key}: {names[i]} to its other end' for i, key in self.latches.items()]
        if self.digits is not None:
            lines.append(f'0..9: {names[self.digits]} to that value')
        lines.append('space: dead-man on / off; it ends by itself when no key comes')
        words = ', '.join(f'{key} {press.name.lower()}' for key, press in PRESSES.items())
        return [*lines, f'{words}, q quit']


def layout(spec: Spec) -> Layout:
    """Give every action axis its keys. Raises UserError where there are more axes than keys."""
    latched = [i for i, axis in enumerate(spec.axes) if axis.kind is AxisKind.LATCHED]
    moving = [i for i in range(len(spec.axes)) if i not in latched]
    for kind, axes, keys in (('moving', moving, PAIRS), ('latched', latched, LATCHES)):
        if len(axes) > len(keys):
            raise UserError(
                f'{kind} axes of {spec.robot.name}', len(axes), f'the keyboard has {len(keys)}'
            )
    discrete = [i for i in moving if spec.axes[i].kind is AxisKind.DISCRETE]
    return Layout(
        dict(zip(moving, PAIRS, strict=False)),
        dict(zip(latched, LATCHES, strict=False)),
        discrete[0] if discrete else None,
    )
