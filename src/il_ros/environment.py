"""What every process of a graph needs in its environment: transport, memory, a calm shell."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from il_core import share

# Set for the children of `il run` and `ros2 launch`: they leave with it, see run.follow_parent.
PARENT = 'IL_PARENT_PID'

# Where the nodes of a graph are: on this computer, or on several.
HOSTS = ('one', 'many')

# Fast DDS 3 (Kilted) reads the first, 2.14 (Jazzy) the second alone.
PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')

# Images are allocated and freed at every frame: keep the memory instead of giving it back.
_MEMORY = {'MALLOC_MMAP_THRESHOLD_': '268435456', 'MALLOC_TRIM_THRESHOLD_': '536870912'}


def profile(images: bool) -> str:
    """Return the path of our profile for a process of one host.

    Images need shared memory. Whoever writes into it may be held up by its readers: for a third of
    a second by a reader that was killed or stands still. So processes without images, the gate
    above all, leave it alone.
    """
    file = 'fastdds_local.xml' if images else 'fastdds_control.xml'
    return str(share.share_dir() / 'config' / file)


def transport(images: bool = False, hosts: str = 'one') -> dict[str, str]:
    """Return the variables that choose our profile; one of the user's own wins, under whichever
    name it is set. Our profiles bind nodes to this host: none is chosen for `many` hosts."""
    if hosts == 'many':
        return {}
    ours = ('', profile(images=True), profile(images=False))
    own = {name: os.environ[name] for name in PROFILES if os.environ.get(name, '') not in ours}
    chosen = next(iter(own.values()), profile(images))
    return {**dict.fromkeys(PROFILES, chosen), **own}


def of_children(images: bool = False, hosts: str = 'one') -> dict[str, str]:
    """Return the environment of a process of a graph."""
    ours = {**_MEMORY, 'AMENT_PREFIX_PATH': sys.prefix, 'ROS_LOG_DIR': _log_dir()}
    fixed = {PARENT: str(os.getpid()), 'PYTHONUNBUFFERED': '1'}
    return {**ours, **os.environ, **transport(images, hosts), **fixed}


def use_transport(images: bool = False, hosts: str = 'one') -> None:
    """Set the transport for this process; before rclpy.init."""
    os.environ.update(transport(images, hosts))


def clean_shared_memory() -> None:
    """Remove what killed processes left in /dev/shm; what is in use is locked and stays."""
    beside = Path(sys.executable).with_name('fastdds')
    tool = str(beside) if beside.exists() else shutil.which('fastdds')
    if tool:
        subprocess.run([tool, 'shm', 'clean'], capture_output=True, timeout=10, check=False)


def foreign_executable(package: str, name: str, environ: Mapping[str, str]) -> Path | None:
    """Return the executable of another ROS package, None where it is not installed."""
    for prefix in environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        path = Path(prefix) / 'lib' / package / name
        if path.is_file():
            return path
    return None


def gamepad_driver(environ: Mapping[str, str]) -> str:
    """Return who reads a gamepad here: our own reader where SDL is, or where there is no other.

    Unplugged it is silent. `joy_node` reports every button as let go then, which is how a human
    gives the robot to the policy under a gate like `hg_dagger`.
    """
    joy = foreign_executable('joy', 'joy_node', environ) is not None
    return 'joy_node' if joy and not has_sdl(environ) else 'joystick_node'


def has_own_sdl() -> bool:
    """Return whether this process finds SDL."""
    return importlib.util.find_spec('pygame') is not None


def has_sdl(environ: Mapping[str, str]) -> bool:
    """Return whether our nodes find SDL under `ros2 launch`. In a colcon install they may run on
    another Python than this process: that in the first line of their scripts."""
    script = foreign_executable('interactive_il', 'joystick_node', environ)
    if script is None:
        return has_own_sdl()
    python = script.read_text().partition('\n')[0].removeprefix('#!')
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pygame') is None)"
    try:
        done = subprocess.run([python, '-c', look], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _log_dir() -> str:
    home = os.environ.get('ROS_HOME') or str(Path(os.environ.get('HOME', '/tmp')) / '.ros')
    return str(Path(home) / 'log')
