"""Pictures of an episode, made again from its seed and recorded commands."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from il_core.types import Outcome, Owner, Vector
from il_loop.report_charts import COLOURS
from il_sim.api import World

Picture = NDArray[np.uint8]
BORDER = 6
FRAME_MS = 120


@dataclass(frozen=True)
class Scene:
    """One picture: (height, width, 3) pixels, at `step`, and who owned the robot then."""

    step: int
    owner: Owner
    pixels: Picture


def replay(
    world: World,
    seed: int,
    actions: Sequence[Vector],
    owners: Sequence[Owner],
    count: int,
    size: tuple[int, int] = (320, 240),
) -> list[Scene]:
    """Drive `world` with recorded commands and render `count` pictures, evenly spread.

    Args:
        actions: (A,) per step, as recorded; a deterministic world repeats the episode exactly.
        size: width and height in pixels.
    """
    world.reset(seed)
    wanted = {round(i) for i in np.linspace(0, len(actions), count)}
    scenes, outcome = [], Outcome.UNKNOWN
    for step in range(len(actions) + 1):
        if step in wanted:
            owner = owners[min(step, len(owners) - 1)]
            scenes.append(Scene(step, owner, world.render(*size)))
        if step < len(actions) and outcome is Outcome.UNKNOWN:
            outcome = world.step(actions[step])
    return scenes


def strip(scenes: Sequence[Scene], seconds_per_step: float) -> str:
    """Return the pictures side by side as a PNG data URI, each framed in its owner's colour."""
    height, width = scenes[0].pixels.shape[:2]
    sheet = Image.new(
        'RGB', (len(scenes) * (width + BORDER) + BORDER, height + 2 * BORDER), 'white'
    )
    for i, scene in enumerate(scenes):
        sheet.paste(_framed(scene, seconds_per_step), (i * (width + BORDER), 0))
    return _uri(sheet, 'png')


def film(scenes: Sequence[Scene], seconds_per_step: float) -> str:
    """Return the pictures as an animated WebP data URI."""
    first, *rest = [_framed(scene, seconds_per_step) for scene in scenes]
    return _uri(
        first, 'webp', save_all=True, append_images=rest, duration=FRAME_MS, loop=0, quality=60
    )


def _framed(scene: Scene, seconds_per_step: float) -> Image.Image:
    height, width = scene.pixels.shape[:2]
    image = Image.new('RGB', (width + 2 * BORDER, height + 2 * BORDER), COLOURS[scene.owner])
    image.paste(Image.fromarray(scene.pixels), (BORDER, BORDER))
    draw = ImageDraw.Draw(image)
    text = f'{scene.step * seconds_per_step:.1f} s'
    draw.rectangle((BORDER, BORDER, BORDER + 44, BORDER + 16), fill='white')
    draw.text((BORDER + 5, BORDER + 2), text, fill='#1c2430')
    return image


def _uri(image: Image.Image, kind: str, **options: object) -> str:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return f'data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}'
