"""A PyBullet client of our own and the few shapes that scenes are made of."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pybullet
from numpy.typing import NDArray

from il_core.errors import UserError

APART_M = 10.0
TABLE = (0.75, 0.71, 0.66, 1.0)


class Client:
    """Every function of pybullet, bound to one connection of our own.

    Args:
        gui: open a window; otherwise DIRECT.
    """

    def __init__(self, gui: bool) -> None:
        if gui and sys.platform == 'linux' and not os.environ.get('DISPLAY'):
            # PyBullet would end the process.
            raise UserError('gui', gui, 'needs a screen, and DISPLAY is not set; leave it out')
        self._id = pybullet.connect(pybullet.GUI if gui else pybullet.DIRECT)
        if self._id < 0:
            raise UserError('display', os.environ.get('DISPLAY', ''), 'PyBullet opened no window')

    def __getattr__(self, name: str) -> Any:
        bound = functools.partial(getattr(pybullet, name), physicsClientId=self._id)
        setattr(self, name, bound)
        return bound


def connect(gui: bool, rate_hz: int) -> Client:
    """Return a client with gravity, `rate_hz` steps a second and a table top at z = 0."""
    client = Client(gui)
    client.setGravity(0, 0, -9.81)
    client.setTimeStep(1 / rate_hz)
    client.setPhysicsEngineParameter(deterministicOverlappingPairs=1)
    if gui:
        client.configureDebugVisualizer(pybullet.COV_ENABLE_GUI, 0)
        client.resetDebugVisualizerCamera(1.2, 80, -35, (0.45, 0, 0.15))
    box(client, (0.5, 0.7, 0.02), TABLE, (0.35, 0, -0.02))
    return client


def box(
    client: Client,
    half_extents: tuple[float, float, float],
    rgba: tuple[float, float, float, float],
    position: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> int:
    """Add a fixed box; half extents and position of its centre in m. Returns the body."""
    shape = client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half_extents)
    visual = client.createVisualShape(
        pybullet.GEOM_BOX, halfExtents=half_extents, rgbaColor=rgba, specularColor=(0, 0, 0)
    )
    return int(client.createMultiBody(0, shape, visual, position))


def cylinder(
    client: Client, radius: float, height: float, rgba: tuple[float, float, float, float]
) -> int:
    """Add a fixed upright cylinder; radius and height in m. Returns the body."""
    shape = client.createCollisionShape(pybullet.GEOM_CYLINDER, radius=radius, height=height)
    visual = client.createVisualShape(
        pybullet.GEOM_CYLINDER, radius=radius, length=height, rgbaColor=rgba
    )
    return int(client.createMultiBody(0, shape, visual))


def compound(
    client: Client,
    boxes: Sequence[tuple[tuple[float, float, float], tuple[float, float, float]]],
    mass: float,
    rgba: tuple[float, float, float, float],
) -> int:
    """Add one movable body of boxes, each (half extents, centre) in m from the centre of mass;
    mass in kg. Returns the body."""
    kinds = [pybullet.GEOM_BOX] * len(boxes)
    halves, centres = [list(half) for half, _ in boxes], [list(centre) for _, centre in boxes]
    shape = client.createCollisionShapeArray(
        shapeTypes=kinds, halfExtents=halves, collisionFramePositions=centres
    )
    visual = client.createVisualShapeArray(
        shapeTypes=kinds,
        halfExtents=halves,
        visualFramePositions=centres,
        rgbaColors=[list(rgba)] * len(boxes),
    )
    return int(client.createMultiBody(mass, shape, visual))


def ghost(client: Client, radius: float, rgba: tuple[float, float, float, float]) -> int:
    """Add a sphere (radius in m) that is seen but touches nothing. Returns the body."""
    visual = client.createVisualShape(
        pybullet.GEOM_SPHERE, radius=radius, rgbaColor=rgba, specularColor=(0, 0, 0)
    )
    return int(client.createMultiBody(0, -1, visual))


def place(client: Client, body: int, x: float, y: float, z: float, yaw: float = 0.0) -> None:
    """Put the centre of a body at (x, y, z) in m, upright, turned by `yaw` rad, at rest."""
    turned = (0, 0, math.sin(yaw / 2), math.cos(yaw / 2))
    client.resetBasePositionAndOrientation(body, (x, y, z), turned)


def part(client: Client) -> None:
    """Move all bodies so far apart that every contact ends, before they are placed anew.

    A contact that is still there goes on from the impulse it had; no state that was saved without
    it takes it away.
    """
    for body in range(client.getNumBodies()):
        client.resetBasePositionAndOrientation(body, (0, 0, APART_M * body), (0, 0, 0, 1))
    client.performCollisionDetection()


def picture(
    client: Client,
    width: int,
    height: int,
    eye: tuple[float, float, float],
    target: tuple[float, float, float],
    fov_deg: float = 40.0,
) -> NDArray[np.uint8]:
    """Return (height, width, 3) RGB from a camera at `eye` looking at `target` (m), z up."""
    view = client.computeViewMatrix(eye, target, (0, 0, 1))
    lens = client.computeProjectionMatrixFOV(fov_deg, width / height, 0.1, 4.0)
    shot = client.getCameraImage(
        width,
        height,
        view,
        lens,
        lightDirection=(0.5, -0.6, 1.5),
        shadow=1,
        renderer=pybullet.ER_TINY_RENDERER,
    )
    pixels = np.asarray(shot[2], np.uint8).reshape(height, width, 4)
    return np.ascontiguousarray(pixels[:, :, :3])
