"""demo.sh and test.sh on a bare machine: each thing that is missing gets one clear line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT

TOOLS = (
    'bash env basename dirname uname grep sed cut cat tail tr rm cp mkdir sha256sum flock sleep'
)
FILES = 'demo.sh scripts/venv.sh constraints.txt pyproject.toml CMakeLists.txt package.xml'
OLD_PYTHON = '#!/bin/sh\necho 3.8\n'
# A python3 of the right version whose venv works and whose pip fails as without a network.
OFFLINE_PYTHON = """#!/bin/sh
case "$*" in
  *version_info*) echo 3.11 ;;
  *sysconfig*) dirname "$0" ;;
  *'-m venv'*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *'-m pip'*) echo "NewConnectionError: Failed to establish a new connection"; exit 1 ;;
  *importlib*) exit 1 ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without .venv, in a path with a space, beside a bin/ with the bare tools."""
    root = tmp_path / 'my clone'
    (root / 'scripts').mkdir(parents=True)
    for folder in ('msg', 'srv'):
        shutil.copytree(ROOT / folder, root / folder)
    for name in FILES.split(' '):
        shutil.copy(ROOT / name, root / name)
    (tmp_path / 'bin').mkdir()
    for tool in TOOLS.split(' '):
        (tmp_path / 'bin' / tool).symlink_to(shutil.which(tool) or '')
    return root


def program(clone: Path, name: str, text: str) -> None:
    path = clone.parent / 'bin' / name
    path.write_text(text)
    path.chmod(0o755)


def demo(clone: Path, **env: str) -> tuple[str, str]:
    """Run demo.sh, which must fail. Returns what it said and the error line."""
    run = subprocess.run(
        [str(clone / 'demo.sh')],
        env={'PATH': str(clone.parent / 'bin'), **env},
        cwd='/',
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert run.stderr.count('\n') == 1, run.stderr
    return run.stdout, run.stderr


def test_no_python(clone: Path) -> None:
    assert 'no python3 found' in demo(clone)[1]


def test_python_too_old(clone: Path) -> None:
    program(clone, 'python3', OLD_PYTHON)
    assert 'python3 is 3.8: needs Python 3.10 to 3.13' in demo(clone)[1]


def test_the_python_that_was_asked_for_does_not_fit(clone: Path) -> None:
    program(clone, 'python3', OFFLINE_PYTHON)
    program(clone, 'old', OLD_PYTHON)
    assert 'IL_PYTHON=old is Python 3.8: needs' in demo(clone, IL_PYTHON='old')[1]
    assert 'IL_PYTHON=/none does not run' in demo(clone, IL_PYTHON='/none')[1]


def test_no_venv_module(clone: Path) -> None:
    program(clone, 'python3', OFFLINE_PYTHON.replace('importlib', 'ensurepip'))
    assert 'python3 has no venv module' in demo(clone)[1]


def test_no_compiler(clone: Path) -> None:
    program(clone, 'python3', OFFLINE_PYTHON)
    assert 'no C++ compiler found' in demo(clone)[1]


def test_no_python_headers(clone: Path) -> None:
    program(clone, 'python3', OFFLINE_PYTHON)
    program(clone, 'g++', '')
    assert 'Python.h is missing: install the Python headers' in demo(clone)[1]


def test_no_network_and_the_size_of_torch_is_said_first(clone: Path) -> None:
    program(clone, 'python3', OFFLINE_PYTHON)
    program(clone, 'g++', '')
    program(clone, 'Python.h', '')
    said, error = demo(clone)
    assert 'the package index cannot be reached: check the network' in error
    assert 'CUDA build: about 3 GB to download' in said
    assert 'IL_TORCH_INDEX_URL=' in said
    assert not (clone / '.venv' / 'stamp').exists()


def test_torch_is_taken_from_the_index_that_was_asked_for(clone: Path) -> None:
    program(clone, 'python3', OFFLINE_PYTHON)
    program(clone, 'g++', '')
    program(clone, 'Python.h', '')
    said, _ = demo(clone, IL_TORCH_INDEX_URL='https://torch.example/cpu')
    assert 'torch from https://torch.example/cpu ... failed' in said
    assert 'CUDA' not in said


def test_a_venv_that_is_up_to_date_is_not_touched(clone: Path) -> None:
    (clone / '.venv' / 'bin').mkdir(parents=True)
    il = clone / '.venv' / 'bin' / 'il'
    il.write_text('#!/bin/sh\necho "il $* $AMENT_PREFIX_PATH $ROS_LOG_DIR"\n')
    for path in (il, clone / '.venv' / 'bin' / 'python'):
        path.touch()
        path.chmod(0o755)
    script = f'root={str(clone)!r}; . <(sed "/^ensure_venv$/,\\$d" "$root/scripts/venv.sh"); stamp'
    stamp = subprocess.run(['bash', '-c', script], capture_output=True, text=True, check=True)
    (clone / '.venv' / 'stamp').write_text(stamp.stdout)
    env = {name: value for name, value in os.environ.items() if name != 'ROS_LOG_DIR'}
    command = [str(clone / 'demo.sh'), '--x', 'a b']
    run = subprocess.run(command, capture_output=True, text=True, env=env)
    assert run.stdout == f'il demo --x a b {clone}/.venv {clone}/log/ros\n', run.stderr
    (clone / 'msg' / 'New.msg').write_text('bool x\n')
    assert 'no python3 found' in demo(clone)[1]


def test_neither_two_runs_of_the_tests_nor_two_workers_of_one_share_a_ros_domain():
    code = 'import tests.conftest as c; print(*(next(c.domains) for _ in range(60)))'

    def domains(**worker: str) -> list[int]:
        args = [sys.executable, '-c', code]
        done = subprocess.run(args, env=os.environ | worker, cwd=ROOT, capture_output=True)
        return [int(number) for number in done.stdout.split()]

    alone = {'PYTEST_XDIST_WORKER': 'gw0', 'PYTEST_XDIST_WORKER_COUNT': '1'}
    assert domains(**alone)[0] != domains(**alone)[0], 'children of one process'
    pair = [
        alone | {'PYTEST_XDIST_WORKER': f'gw{n}', 'PYTEST_XDIST_WORKER_COUNT': '2'} for n in (0, 1)
    ]
    first, second = (set(domains(**worker)) for worker in pair)
    assert not first & second
    assert max(first | second) <= 101
