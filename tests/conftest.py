"""Processes that tests start run the code of this tree, and speak to their own module alone."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from il_ros import environment

ROOT = Path(__file__).parents[1]
_paths = [str(ROOT / 'src'), str(ROOT), os.environ.get('PYTHONPATH', '')]
os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, _paths))
# As `il run` does: what a killed process leaves in shared memory must not reach the next test.
environment.use_transport()
# Output is that of a pipe, whoever runs the tests (pytest-xdist says 80 to its workers).
os.environ.pop('COLUMNS', None)

# Each worker of pytest-xdist has domains of its own, and begins where its number says.
_workers = int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', 1))
_worker = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))
_share = 101 // _workers
domains = (1 + _worker * _share + n % _share for n in itertools.count(os.getpid()))


@pytest.fixture(scope='module', autouse=True)
def domain():
    """Give each module a ROS domain: a node that one leaves behind is not heard in the next.

    Above 101 the ports of DDS lie among those that Linux hands out to anybody.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(next(domains)))
        yield
