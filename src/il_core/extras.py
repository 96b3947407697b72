"""Packages that only some commands and nodes need: which extra of the install brings them."""

from __future__ import annotations

import importlib.util

from il_core.errors import UserError

# Extra of pyproject.toml -> the packages by which one notices that it is missing.
EXTRAS = {
    'train': ('torch', 'onnx', 'matplotlib', 'PIL'),
    'sim': ('pybullet', 'gymnasium', 'cv2'),
    'ros': ('rclpy',),
}


def how_to_install(extra: str) -> str:
    """Return what to type. Beside a ROS install the other files: what was built against its numpy
    does not load with the one of constraints.txt."""
    wheels = f'`pip install -c constraints.txt ".[{extra}]"`'
    if extra == 'ros':
        return f'source your ROS 2 install, or {wheels}'
    return f'{wheels}, beside a ROS 2 install `pip install -r requirements/ros-host-{extra}.txt`'


def refusal(error: ModuleNotFoundError) -> UserError | None:
    """Return what to install where `error` is about a package of an extra, else None: a defect,
    as is a part of a package that is there."""
    package = error.name or ''
    extra = next((e for e, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    rule = f'install it, from the checkout: {how_to_install(extra)}'
    return UserError(f'package {package}', 'not installed', rule)


def require(package: str) -> None:
    """Raise UserError where a package of an extra is missing; without importing it."""
    if importlib.util.find_spec(package) is None:
        refused = refusal(ModuleNotFoundError(name=package))
        assert refused is not None, f'{package} is of no extra'
        raise refused
