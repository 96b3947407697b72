"""Importing a module of ours does nothing else, and needs no more than its install does."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from il_core.registry import Registry
from tests.house import ROOT, Source, is_ros, sources

MODULES = sources()
# Import names where they differ from the names of the distributions in pyproject.toml.
IMPORT_NAMES = {
    'opencv-python-headless': 'cv2',
    'pygame-ce': 'pygame',
    'pillow': 'PIL',
    'PyYAML': 'yaml',
    'ros-jazzy-rclpy': 'rclpy',
}
# Come with pybullet; and what only a ROS 2 install has.
WITH_OTHERS = {'pybullet_data', 'launch', 'launch_ros', 'ament_index_python'}


# Parts of third-party packages that draw random numbers when they are imported.
DRAWS = ['rich.console']


def probe(
    modules: list[str],
    tmp: Path,
    preload: list[str],
    forbidden: list[str],
    src: Path = ROOT / 'src',
) -> list[str]:
    """Import `modules` in a fresh interpreter in an empty folder. Returns what is wrong."""
    (tmp / 'work').mkdir()
    run = subprocess.run(
        [sys.executable, ROOT / 'tests' / 'import_probe.py'],
        input=json.dumps({'modules': modules, 'preload': preload, 'forbidden': forbidden}),
        env=os.environ
        | {'PYTHONPATH': str(src), 'PYTHONDONTWRITEBYTECODE': '1', 'HOME': str(tmp)},
        cwd=tmp / 'work',
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    complaints: list[str] = json.loads(run.stdout.splitlines()[-1])
    return [*complaints, *run.stderr.splitlines(), *map(str, (tmp / 'work').iterdir())]


def extra(name: str) -> list[str]:
    """Return the import names of one extra of pyproject.toml."""
    text = (ROOT / 'pyproject.toml').read_text()
    line = re.search(rf'^{name} = \[(.*)\]', text, re.MULTILINE)
    assert line, f'no extra {name} in pyproject.toml'
    return [IMPORT_NAMES.get(x, x) for x in re.findall(r'"([\w-]+)', line[1])]


def test_what_is_imported_is_declared() -> None:
    """A package that is there only because another one needs it goes when that one goes."""
    extras = ('dependencies', 'ros', 'sim', 'joystick', 'train')
    declared = {name for x in extras for name in extra(x)}
    imported = {name for name in third_party(MODULES) if not is_ros(name)}
    assert imported - declared - WITH_OTHERS == set()


def third_party(modules: list[Source]) -> list[str]:
    ours = {m.package for m in modules} | {'interactive_il'}
    tops = {name.split('.')[0] for m in modules for name, _ in m.imports()} - ours
    return sorted(tops - set(sys.stdlib_module_names))


def test_importing_any_module_has_no_side_effect(tmp_path: Path) -> None:
    """No file, no output, no thread, no process, no change of the environment: on any import."""
    names = [m.module for m in MODULES]
    installed = [n for n in third_party(MODULES) if n not in ('launch', 'launch_ros')]
    installed += DRAWS
    assert probe(names, tmp_path, installed, []) == []


BAD = """
import os, threading
os.environ['BAD'] = '1'
threading.Thread(target=threading.Event().wait, daemon=True).start()
print('hello')
open('file', 'w').close()
"""


def test_the_probe_sees_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / 'il_bad').mkdir()
    (tmp_path / 'il_bad' / '__init__.py').write_text(BAD)
    found = probe(['il_bad'], tmp_path, [], [], tmp_path)
    words = ('os.putenv', 'open', 'changed threads', 'changed environment', 'hello', 'work/file')
    assert [w for w in words if not any(w in line for line in found)] == []


def test_the_probe_sees_what_must_not_be_needed(tmp_path: Path) -> None:
    (tmp_path / 'il_bad').mkdir()
    (tmp_path / 'il_bad' / '__init__.py').write_text('import torch')
    assert (
        'torch must not be needed here' in probe(['il_bad'], tmp_path, [], ['torch'], tmp_path)[0]
    )


def control_only(source: Source) -> bool:
    trains = 'fit' in source.path.stem
    names = (
        'il_policy.api',
        'il_policy.runtime',
        'il_policy.checkpoint',
        'il_policy.node',
        'il_policy.policies',
    )
    packages = ('il_core', 'il_ros', 'il_gating', 'il_teleop', 'il_data')
    return not trains and (source.package in packages or source.module.startswith(names))


def test_the_robot_needs_neither_torch_nor_simulator(tmp_path: Path) -> None:
    """Gate, arbiter, teleop, recorder and inference run from the base install and ROS alone."""
    names = [m.module for m in MODULES if control_only(m)]
    assert probe(names, tmp_path, DRAWS, [*extra('sim'), *extra('train')]) == []


def test_only_pybullet_tasks_need_pybullet(tmp_path: Path) -> None:
    names = ['il_sim.gym_task', 'il_sim.plain', 'il_sim.tasks.pendulum']
    assert probe(names, tmp_path, ['cv2', 'gymnasium', *DRAWS], ['pybullet']) == []


def test_only_training_needs_torch(tmp_path: Path) -> None:
    names = ['il_loop.cli', 'il_loop.report', 'il_loop.gate_cli', 'il_data.cli']
    preload = [n for n in third_party(MODULES) if n not in ('launch', 'launch_ros', 'torch')]
    assert probe(names, tmp_path, [*preload, *DRAWS], ['torch']) == []


def test_everything_but_nodes_runs_without_ros(tmp_path: Path) -> None:
    plain = [m for m in MODULES if not m.may_use_ros]
    ros = {name.split('.')[0] for m in MODULES for name, _ in m.imports() if is_ros(name)}
    installed = [*third_party(plain), *DRAWS]
    assert not set(installed) & ros
    assert probe([m.module for m in plain], tmp_path, installed, sorted(ros)) == []


def registries() -> list[tuple[Registry, str]]:
    modules = [importlib.import_module(m.module) for m in MODULES if not m.may_use_ros]
    found = {id(v): v for m in modules for v in vars(m).values() if isinstance(v, Registry)}
    return [(registry, name) for registry in found.values() for name in registry.names()]


@pytest.mark.parametrize(
    ('registry', 'name'), registries(), ids=lambda x: x if isinstance(x, str) else x.what
)
def test_every_registered_name_can_be_loaded(registry: Registry, name: str) -> None:
    assert callable(registry.load(name))
