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

from il_core.nodes import NODES
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
    scripts = re.findall(r'^(\w+) = "il_core.nodes:main"', PYPROJECT, re.MULTILINE)
    line = re.search(r'foreach\(_node (.*?)\)', CMAKE)
    assert line
    assert {f'{name}_node' for name in line[1].split()} == set(scripts) == set(NODES.names())
    files = {path.relative_to(SRC).as_posix() for path in SRC.rglob('node.py')}
    modules = {NODES.load(name).__module__ for name in NODES.names()}
    assert {f'{module.replace(".", "/")}.py' for module in modules} == files


def test_every_node_of_a_graph_has_its_script() -> None:
    ours = [row.node for row in TABLE if row.node.module]
    assert [NODES.load(n.executable).__module__ for n in ours] == [n.module for n in ours]


@pytest.fixture(scope='module')
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of a node, as CMake writes it."""
    if shutil.which('cmake') is None:
        pytest.skip('cmake is not installed')
    function = re.search(r'^ *function\(_install_script .*?endfunction\(\)', CMAKE, re.S | re.M)
    assert function
    lines = ['function(install)', 'endfunction()', f'set(Python3_EXECUTABLE "{sys.executable}")']
    call, folder = '_install_script(some_node lib il_core.nodes)', tmp_path_factory.mktemp('made')
    (folder / 'some.cmake').write_text('\n'.join([*lines, function[0], call]))
    subprocess.run(['cmake', '-P', 'some.cmake'], cwd=folder, check=True, capture_output=True)
    return folder / 'bin/some_node'


def test_a_script_is_executable_where_colcon_writes_it(script: Path) -> None:
    """`colcon build --symlink-install` installs a link to it, and ros2 runs what is executable."""
    done = subprocess.run([script], capture_output=True, text=True)
    assert done.stderr.startswith("some_node: node is 'some_node': not known; choices: gate_node")
    assert done.returncode == 2


def test_a_script_of_a_workspace_that_is_not_sourced_says_so(script: Path) -> None:
    no_packages = [sys.executable, '-I', '-S', str(script)]
    done = subprocess.run(no_packages, capture_output=True, text=True)
    assert done.stderr.startswith('some_node: interactive_il is not on the path: source install')
    assert done.returncode == 1


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
