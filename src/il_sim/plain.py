"""What tasks in plain numpy share: thousands of episodes a minute, for statistics."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Vector
from il_sim.stepping import Stepping

PAPER, INK = (245, 243, 240), (60, 60, 60)


class PlainWorld(Stepping):
    """A task without a physics engine.

    A subclass implements `_begin` (per seed), `_advance` (one control period), `_values` (stream
    -> fields), `supervisor` and `_draw`. Whatever is random comes from `self._rng`, which the seed
    makes.
    """

    has_supervisor = True

    def __init__(self, spec: Spec, gui: bool = False) -> None:
        if gui:
            raise UserError('gui', True, f'task {spec.task.name} has no window')
        self.spec = spec
        self.reset(0)
        values = self._values()
        for stream in spec.observed:
            if stream.name not in values or len(values[stream.name]) != len(stream.fields):
                rule = f'world {spec.task.world} gives {_widths(values)}'
                raise UserError(f'fields of stream {stream.name}', len(stream.fields), rule)

    def reset(self, seed: int) -> None:
        """Put the world into the initial state of `seed`."""
        self._rng = np.random.default_rng(seed)
        self._restart()
        self._begin()

    def observe(self) -> Mapping[str, Vector]:
        """Return every observed stream, `stream name -> (fields,)` float64."""
        return self._values()

    def supervisor(self) -> Vector:
        """Return (A,) what the scripted supervisor would do now."""
        raise NotImplementedError

    def render(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return an RGB image (height, width, 3): a sketch."""
        image = np.full((height, width, 3), PAPER, np.uint8)
        self._draw(image)
        return image

    def close(self) -> None:
        """Nothing to release."""

    def _begin(self) -> None:
        raise NotImplementedError

    def _values(self) -> Mapping[str, Vector]:
        raise NotImplementedError

    def _draw(self, image: NDArray[np.uint8]) -> None:
        raise NotImplementedError


def line(image: NDArray[np.uint8], a: Vector, b: Vector, width: int = 2) -> None:
    """Draw from a to b, each (2,) in shares of the picture, x to the right and y up."""
    ends = [_pixel(image, end) for end in (a, b)]
    cv2.line(image, ends[0], ends[1], INK, width, cv2.LINE_AA)


def dot(image: NDArray[np.uint8], at: Vector, radius: float, colour: tuple[int, int, int]) -> None:
    """Draw a disc at (2,) and of a radius in shares of the picture's width."""
    size = max(round(radius * image.shape[1]), 1)
    cv2.circle(image, _pixel(image, at), size, colour, -1, cv2.LINE_AA)


def _pixel(image: NDArray[np.uint8], at: Vector) -> tuple[int, int]:
    height, width = image.shape[:2]
    return round(float(at[0]) * width), round((1 - float(at[1])) * height)


def _widths(values: Mapping[str, Vector]) -> str:
    return ', '.join(f'{name} ({len(value)})' for name, value in values.items())
