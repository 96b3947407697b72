"""What every process of a graph needs in its environment: transport, memory, a calm shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from il_core import share

# Set for the children of `il run` and `ros2 launch`: they leave with it, see run.follow_parent.
PARENT = 'IL_PARENT_PID'

# Fast DDS 3 (Kilted) reads the first, 2.14 (Jazzy) the second alone.
PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')

# Images are allocated and freed at every frame: keep the memory instead of giving it back.
_MEMORY = {'MALLOC_MMAP_THRESHOLD_': '268435456', 'MALLOC_TRIM_THRESHOLD_': '536870912'}


def local_profile() -> str:
    """Return the path of our profile."""
    return str(share.share_dir() / 'config' / 'fastdds_local.xml')


def transport() -> dict[str, str]:
    """Return the variables for images through shared memory on one host; a profile of the user's
    own wins, under whichever name it is set."""
    given = [os.environ[name] for name in PROFILES if name in os.environ]
    profile = given[0] if given else local_profile()
    return {name: profile for name in PROFILES if name not in os.environ}


def of_children() -> dict[str, str]:
    """Return the environment of the processes of a graph."""
    ours = {**transport(), **_MEMORY, 'AMENT_PREFIX_PATH': sys.prefix, 'ROS_LOG_DIR': _log_dir()}
    missing = {name: value for name, value in ours.items() if name not in os.environ}
    return {**os.environ, **missing, PARENT: str(os.getpid()), 'PYTHONUNBUFFERED': '1'}


def use_transport() -> None:
    """Set the transport for this process; before rclpy.init."""
    os.environ.update(transport())


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


def _log_dir() -> str:
    home = os.environ.get('ROS_HOME') or str(Path(os.environ.get('HOME', '/tmp')) / '.ros')
    return str(Path(home) / 'log')
