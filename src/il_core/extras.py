"""Packages that only some commands and nodes need: which extra of the install brings them."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from il_core.errors import UserError

# Extra of pyproject.toml -> the packages by which one notices that it is missing.
EXTRAS = {
    'train': ('torch', 'onnx', 'matplotlib', 'PIL'),
    'sim': ('pybullet', 'gymnasium', 'cv2'),
    'ros': ('rclpy',),
}


def refusal(error: ModuleNotFoundError) -> UserError | None:
    """Return what to install where `error` is about a package of an extra, else None: a defect."""
    package = (error.name or '').partition('.')[0]
    extra = next((e for e, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    rule = f'install it: {to_install(extra)} from the checkout'
    if extra == 'ros':
        rule = f'source your ROS 2 install, or {rule}' if by_pip() else 'source your ROS 2 install'
    return UserError(f'package {package}', 'not installed', rule)


def to_install(extra: str = '') -> str:
    """Return the command that installs, from the checkout, what an extra needs; empty: what all
    need. In a workspace numpy stays that of the ROS 2 install."""
    if by_pip():
        return 'pip install -c constraints.txt ' + (f'".[{extra}]"' if extra else '.')
    return f'pip install -r requirements/{"-".join(filter(None, ["ros-host", extra]))}.txt'


def by_pip() -> bool:
    """Return whether pip installed this package. colcon does it without its extras."""
    try:
        return 'Provides-Extra' in importlib.metadata.metadata('interactive-il')
    except importlib.metadata.PackageNotFoundError:
        return True


def require(package: str) -> None:
    """Raise UserError where a package of an extra is missing; without importing it."""
    if importlib.util.find_spec(package) is None:
        refused = refusal(ModuleNotFoundError(name=package))
        assert refused is not None, f'{package} is of no extra'
        raise refused
