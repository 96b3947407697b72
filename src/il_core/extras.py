"""Packages that only some commands and nodes need, and our own messages: what brings them."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from il_core.errors import UserError
from il_core.share import PACKAGE

# Extra of pyproject.toml -> the packages by which one notices that it is missing.
EXTRAS = {
    'train': ('torch', 'onnx', 'matplotlib', 'PIL'),
    'sim': ('pybullet', 'gymnasium', 'cv2'),
    'ros': ('rclpy',),
}
# How to get our messages, which are built, not only copied.
MESSAGES = (
    'source install/setup.bash of the workspace (after `colcon build`); in a venv: '
    '`pip install --no-deps .` from the checkout'
)


def how_to_install(extra: str = '') -> str:
    """Return how to get, from the checkout, what an extra needs; empty: what all need. In a
    workspace numpy stays that of the ROS 2 install: what was built against it need not load with
    the one of constraints.txt."""
    if by_pip():
        what = f'".[{extra}]"' if extra else '.'
        install = f'`pip install -c constraints.txt {what}` from the checkout'
        return f'source your ROS 2 install, or {install}' if extra == 'ros' else install
    if extra == 'ros':
        return 'source your ROS 2 install'
    file = '-'.join(filter(None, ['ros-host', extra]))
    return f'`pip install -r requirements/{file}.txt` from the checkout'


def by_pip() -> bool:
    """Return whether pip installed this package. colcon does it without its extras."""
    try:
        return 'Provides-Extra' in importlib.metadata.metadata('interactive-il')
    except importlib.metadata.PackageNotFoundError:
        return True


def refusal(error: ImportError) -> UserError | None:
    """Return what to install where `error` is about a package of an extra, or about our messages,
    be they not there or of an older build. Else None: a defect, as is a part of a package that is
    there."""
    package = error.name or ''
    if package.partition('.')[0] == PACKAGE:
        return UserError('messages of interactive_il', str(error), MESSAGES)
    if not isinstance(error, ModuleNotFoundError):
        return None
    extra = next((e for e, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    return UserError(f'package {package}', 'not installed', how_to_install(extra))


def require(package: str) -> None:
    """Raise UserError where a package of an extra, or of our messages, is missing; without
    importing it."""
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:  # what it is a part of
        found = None
    if found is None:
        refused = refusal(ModuleNotFoundError(f'No module named {package!r}', name=package))
        assert refused is not None, f'{package} is of no extra'
        raise refused
