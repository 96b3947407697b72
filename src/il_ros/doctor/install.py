"""Is everything installed, in versions that go together, and does a node start?"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from il_core import extras, share
from il_ros import environment
from il_ros.doctor.api import Result, Settings, fail, ok, warn
from il_ros.doctor.probing import last_line, run_python

# The dependencies of pyproject.toml, which a colcon install knows nothing of.
NEEDED = ('numpy', 'PyYAML', 'mcap', 'onnxruntime', 'rich', 'rosbags', 'safetensors', 'zstandard')
# Those of its extras; rclpy's and the joystick's are looked at with what else does their work.
EXTRAS = {
    'sim': ('pybullet', 'gymnasium', 'opencv-python-headless', 'pygame-ce'),
    'train': ('torch', 'onnx', 'matplotlib', 'pillow'),
}
PURPOSES = {'sim': 'to simulate', 'train': 'to train, and for `il report`'}
# Packages that come under several names.
MODULES = {'opencv-python-headless': 'cv2'}
DISTROS = {'7': 'Jazzy', '9': 'Kilted'}
START = (
    "import rclpy; rclpy.init(); n = rclpy.create_node('il_doctor_start'); "
    'print(rclpy.get_rmw_implementation_identifier()); rclpy.shutdown()'
)


def check(settings: Settings) -> Iterator[Result]:
    yield _python()
    yield from _packages()
    yield from _rclpy()
    yield from _messages()
    yield ament()
    yield logs()
    yield _start()


def _python() -> Result:
    version, rule = '.'.join(map(str, sys.version_info[:3])), 'use Python 3.10 or newer'
    good = sys.version_info >= (3, 10)
    return (ok if good else lambda *a: fail(*a, rule))('python', f'{version} in {sys.prefix}')


def _packages() -> Iterator[Result]:
    tested = _tested()
    names = dict.fromkeys((*NEEDED, *(name for extra in EXTRAS.values() for name in extra)))
    found = {name: _version(name) for name in names}
    if missing := [name for name in NEEDED if not found[name]]:
        yield fail('packages', f'missing: {", ".join(missing)}', _again())
    for extra, wanted in EXTRAS.items():
        if left := [name for name in wanted if not found[name] and not _comes_otherwise(name)]:
            remedy = f'{PURPOSES[extra]}: {extras.how_to_install(extra)}'
            yield warn(f'packages for {extra}', f'not installed: {", ".join(left)}', remedy)
    other = {
        n: v
        for n, v in found.items()
        if v and v.partition('+')[0] not in tested.get(n.lower(), [v.partition('+')[0]])
    }
    if other:
        words = [f'{n} {v} (tested: {" or ".join(tested[n.lower()])})' for n, v in other.items()]
        yield warn('versions', ', '.join(words), _again())
    there = ', '.join(f'{name} {version}' for name, version in found.items() if version)
    if not missing:
        yield _imports('onnxruntime') or ok('packages', there)


def _again() -> str:
    return f'install again: {extras.how_to_install()}'


def _imports(module: str) -> Result | None:
    """Return what is wrong where a module is installed and cannot be imported."""
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as error:
        return fail(module, f'cannot be imported: {error}', _again())
    return None


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ''


def _comes_otherwise(name: str) -> bool:
    return name in MODULES and importlib.util.find_spec(MODULES[name]) is not None


def _tested() -> dict[str, list[str]]:
    """Return the versions of constraints.txt by name, in a workspace those of requirements/;
    empty where these are not beside config/."""
    files = 'constraints.txt' if extras.by_pip() else 'requirements/ros-host*.txt'
    versions: dict[str, list[str]] = {}
    texts = [path.read_text() for path in share.share_dir().glob(files)]
    for line in '\n'.join(texts).splitlines():
        if match := re.match(r'([\w.-]+)==([^ ;]+)', line):
            versions.setdefault(match[1].lower(), []).append(match[2])
    return versions


def _rclpy() -> Iterator[Result]:
    remedy = extras.how_to_install('ros')
    done = run_python(['-c', 'import rclpy'], os.environ, 15.0)  # it may end its process
    if done.code != 0:
        yield fail('rclpy', f'cannot be imported: {done.complaint}', remedy)
        return
    version = _version('ros-rclpy') or _version('rclpy')
    distro = DISTROS.get(version.partition('.')[0], '')
    found = f'{version or "of unknown version"} ({distro or os.environ.get("ROS_DISTRO", "?")})'
    if distro:
        yield ok('rclpy', found)
    else:
        yield warn('rclpy', found, 'tested with Jazzy (7.1), builds with Kilted (9.1): use these')


def _messages() -> Iterator[Result]:
    try:
        ours = importlib.import_module('interactive_il.msg')
    except ImportError as error:
        yield fail('messages', f'interactive_il.msg cannot be imported: {error}', extras.MESSAGES)
        return
    stale = []
    files = sorted((share.share_dir() / 'msg').glob('*.msg'))
    for file in files:
        built = getattr(ours, file.stem, None)
        fields = list(built.get_fields_and_field_types()) if built else []
        if fields != _fields(file):
            stale.append(file.stem)
    if stale:
        remedy = f'build them again: {extras.MESSAGES}'
        yield fail('messages', f'other than in msg/: {", ".join(stale)}', remedy)
    else:
        yield ok('messages', f'{len(files)} of interactive_il as in msg/')


def _fields(file: Path) -> list[str]:
    lines = [line.partition('#')[0].split() for line in file.read_text().splitlines()]
    return [words[1] for words in lines if len(words) == 2 or (words and '=' not in words)]


def ament() -> Result:
    """Look at where ROS tools look for packages."""
    value = os.environ.get('AMENT_PREFIX_PATH', '')
    remedy = f'`export AMENT_PREFIX_PATH={sys.prefix}`, or source the setup file of your workspace'
    if not value:
        finding = 'not set: `il run` sets it for its nodes, `ros2 launch` finds nothing'
        return warn('AMENT_PREFIX_PATH', finding, remedy)
    prefixes = [Path(p) for p in value.split(os.pathsep) if p]
    if gone := [str(p) for p in prefixes if not p.is_dir()]:
        return fail('AMENT_PREFIX_PATH', f'no such folder: {", ".join(gone)}', remedy)
    if not any((p / 'share' / share.PACKAGE / 'package.xml').is_file() for p in prefixes):
        return fail('AMENT_PREFIX_PATH', f'{value} does not hold {share.PACKAGE}', remedy)
    return ok('AMENT_PREFIX_PATH', value)


def logs() -> Result:
    """Look at the folder without which no node starts."""
    folder = Path(environment.of_children()['ROS_LOG_DIR'])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ok('log folder', f'{folder} can be written')
    except OSError as error:
        remedy = 'no node starts without: `export ROS_LOG_DIR=` a folder that you can write'
        return fail('log folder', f'{folder}: {error.strerror}', remedy)


def _start() -> Result:
    done = run_python(['-c', START], environment.of_children(), 15.0)
    if done.code == 0:
        return ok('a node', f'starts in {done.seconds:.1f} s on {last_line(done.out)}')
    variables = ('RMW_IMPLEMENTATION', 'ROS_DOMAIN_ID', 'ROS_LOG_DIR')
    set_here = ', '.join(f'{v}={os.environ[v]}' for v in variables if v in os.environ)
    remedy = f'put right what the message names (set here: {set_here or "none of the variables"})'
    return fail('a node', f'does not start: {done.complaint}', remedy)
