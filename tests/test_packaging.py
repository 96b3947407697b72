"""One tree, two builds: what pip installs and what colcon installs are the same package."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from catkin_pkg.package import parse_package

from il_ros.graph import TABLE
from tests.house import ROOT, SRC

PYPROJECT = (ROOT / 'pyproject.toml').read_text()
CMAKE = (ROOT / 'CMakeLists.txt').read_text()
REQUIREMENTS = ROOT / 'requirements'
MADE = {'.venv', 'build', 'install'}  # by pip and colcon, not ours
# ROS wheels under pip, rosdep keys in package.xml: the names that differ.
ROSDEP = {'numpy': 'python3-numpy', 'PyYAML': 'python3-yaml'}


def listed(pattern: str) -> list[str]:
    """Return the names of one list in pyproject.toml, without versions."""
    found = re.search(pattern + r' = \[(.*?)\]\n', PYPROJECT, re.DOTALL | re.MULTILINE)
    assert found, pattern
    return re.findall(r'"([\w.-]+)', found[1])


def pins(path: Path) -> dict[str, set[str]]:
    """Return name -> versions of a requirements file."""
    found: dict[str, set[str]] = {}
    for line in path.read_text().splitlines():
        if match := re.match(r'([\w.-]+)==(\S+)', line):
            found.setdefault(match[1].lower(), set()).add(match[2])
    return found


def test_package_xml_is_valid_and_of_the_build_type_that_colcon_builds() -> None:
    """An invalid file turns the package silently into another build type."""
    warnings: list[str] = []
    package = parse_package(str(ROOT / 'package.xml'), warnings=warnings)
    package.validate()
    assert warnings == []
    assert (package.name, package.package_format) == ('interactive_il', 3)
    assert package.get_build_type() == 'ament_cmake'
    assert [g.name for g in package.member_of_groups] == ['rosidl_interface_packages']
    nested = [p for p in ROOT.rglob('*/package.xml') if p.relative_to(ROOT).parts[0] not in MADE]
    assert nested == [], 'colcon does not see nested'


def test_one_version() -> None:
    version = parse_package(str(ROOT / 'package.xml')).version
    newest = re.search(r'^(\d+\.\d+\.\d+) ', (ROOT / 'CHANGELOG.rst').read_text(), re.MULTILINE)
    assert newest
    assert re.findall(r'^version = "(.*)"', PYPROJECT, re.MULTILINE) == [version] == [newest[1]]
    assert importlib.metadata.version('interactive-il') == version


@pytest.mark.parametrize('kind', ['msg', 'srv'])
def test_every_interface_is_built(kind: str) -> None:
    files = {path.stem for path in (ROOT / kind).glob(f'*.{kind}')}
    built = importlib.import_module(f'interactive_il.{kind}')
    assert files - set(dir(built)) == set()


def test_messages_used_by_nodes_are_declared_to_ros() -> None:
    package = parse_package(str(ROOT / 'package.xml'))
    declared = {d.name for d in (*package.build_depends, *package.exec_depends)}
    text = '\n'.join(path.read_text() for path in SRC.rglob('*.py'))
    used = set(
        re.findall(r'^\s*(?:from|import) (\w+_msgs|std_srvs|rclpy|\w+_interfaces)\b', text, re.M)
    )
    used |= set(re.findall(r"'(\w+_msgs)/(?:msg|srv)/", text))
    used |= {row.node.package for row in TABLE} - {'interactive_il'}
    assert used - declared == set()
    assert {ROSDEP[name] for name in listed('^dependencies') if name in ROSDEP} <= declared


def test_ros2_run_finds_what_pip_installs() -> None:
    scripts = dict(re.findall(r'^(\w+) = "([\w.]+)\.node:main"', PYPROJECT, re.MULTILINE))
    line = re.search(r'foreach\(_node (.*?)\)', CMAKE)
    assert line
    nodes = dict(pair.split(':') for pair in line[1].split())
    assert scripts == {f'{name}_node': module for name, module in nodes.items()}
    files = {path.relative_to(SRC).as_posix() for path in SRC.rglob('node.py')}
    assert {f'{module.replace(".", "/")}/node.py' for module in scripts.values()} == files


@pytest.mark.skipif(shutil.which('cmake') is None, reason='cmake is not installed')
def test_a_script_is_executable_where_colcon_writes_it(tmp_path: Path) -> None:
    """`colcon build --symlink-install` installs a link to it, and ros2 runs what is executable."""
    function = re.search(r'^ *function\(_install_script .*?endfunction\(\)', CMAKE, re.S | re.M)
    assert function
    lines = ['function(install)', 'endfunction()', f'set(Python3_EXECUTABLE "{sys.executable}")']
    call = '_install_script(some_node lib "print(\'some node\')\\n")'
    (tmp_path / 'some.cmake').write_text('\n'.join([*lines, function[0], call]))
    subprocess.run(['cmake', '-P', 'some.cmake'], cwd=tmp_path, check=True, capture_output=True)
    assert subprocess.check_output([tmp_path / 'bin/some_node'], text=True) == 'some node\n'


def test_every_package_is_in_the_wheel() -> None:
    packages = {f'src/{path.parent.name}' for path in SRC.glob('il_*/__init__.py')}
    text = re.search(r'wheel.packages = \[(.*)\]', PYPROJECT)
    assert text
    assert set(re.findall(r'"(.*?)"', text[1])) == packages


def test_every_dependency_has_an_exact_version() -> None:
    extras = ('dependencies', 'ros', 'sim', 'joystick', 'train', 'dev')
    wanted = [n for x in extras for n in listed(f'^{x}')]
    assert {n.lower() for n in wanted} - set(pins(ROOT / 'constraints.txt')) == set()


@pytest.mark.parametrize('path', [ROOT / 'constraints.txt', *sorted(REQUIREMENTS.glob('*.txt'))])
def test_pins_are_public_versions(path: Path) -> None:
    """No build of one machine (`+cpu`), no address of its package index."""
    text = '\n'.join(x for x in path.read_text().splitlines() if not x.startswith('#'))
    assert re.findall(r'\+|://|--\S*index|file:', text) == []


@pytest.mark.parametrize(
    ('name', 'extras'),
    [('ros-host', ['^dependencies']), ('ros-host-sim', ['^sim']), ('ros-host-train', ['^train'])],
)
def test_a_ros_host_gets_the_same_dependencies(name: str, extras: list[str]) -> None:
    """What ROS brings (numpy, PyYAML) is left to it; what needs numpy 2 is older there."""
    here, there = pins(ROOT / 'constraints.txt'), pins(REQUIREMENTS / f'{name}.txt')
    wanted = {n.lower() for x in extras for n in listed(x)} - {'numpy', 'pyyaml'}
    assert wanted - set(there) == set()
    assert {n for n in wanted if not there[n] & here[n]} <= {'opencv-python-headless'}


def test_config_and_launch_files_are_installed() -> None:
    files = {str(path) for path in importlib.metadata.files('interactive-il') or ()}
    for folder in ('config/robots', 'config/tasks', 'launch'):
        assert any(f'share/interactive_il/{folder}/' in name for name in files), folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_holds_everything(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '-w', str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    names = zipfile.ZipFile(next(tmp_path.glob('*.whl'))).namelist()
    for folder in ('config', 'launch'):
        for path in (ROOT / folder).rglob('*.*'):
            wanted = f'share/interactive_il/{path.relative_to(ROOT)}'
            assert any(n.endswith(wanted) for n in names), wanted
    for path in SRC.rglob('*.py'):
        assert str(path.relative_to(SRC)) in names
    assert not [n for n in names if 'egg-info' in n or n.endswith('_s.c')]
