"""The nodes as scripts: `policy_node` and its like run what is registered here under their name,
`python -m il_core.nodes MODULE` runs a module as `python -m MODULE` does.

A node imports ROS and our messages, so what is missing has to be said by somebody who does not.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from il_core.errors import UserError
from il_core.extras import refusal
from il_core.registry import Registry

# name of the script -> `module:main`, called as main().
NODES = Registry(
    'node',
    {
        'gate_node': 'il_gating.node:main',
        'jobs_node': 'il_loop.node:main',
        'joystick_node': 'il_teleop.device.node:main',
        'keyboard_node': 'il_teleop.keyboard.node:main',
        'operator_node': 'il_teleop.experts.node:main',
        'policy_node': 'il_policy.node:main',
        'recorder_node': 'il_data.node:main',
        'sim_node': 'il_sim.node:main',
        'teleop_node': 'il_teleop.node:main',
        'watchdog_node': 'il_gating.watchdog.node:main',
    },
)


def main() -> None:
    """Run the node that this script is called after; never returns. Where an argument would do
    nothing, or a package or the messages it needs are missing, one line says so, and the exit code
    is 2."""
    name = Path(sys.argv[0]).name
    with _one_line(name):
        _check(name, sys.argv[1:])
        run = NODES.load(name)
    run()


def run_module() -> None:
    """Run the module that the first argument names, as `python -m` does. What is missing is said
    as `main` does it, before the module runs."""
    del sys.argv[0]
    module = sys.argv[0]
    with _one_line(module):
        try:
            runpy.run_module(module, run_name='__main__', alter_sys=True)
        except ImportError as error:
            raise refusal(error) or error from None


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))  # Ctrl-C during the imports
    try:
        yield
    except UserError as error:
        sys.stderr.write(f'{name}: {error}\n')
        sys.exit(2)


def _check(name: str, args: list[str]) -> None:
    """Raise UserError where arguments are not for ROS, which would pass over them in silence."""
    if args and args[0] != '--ros-args':
        rule = f'must follow --ros-args: `{name} --ros-args -p task:=reach`'
        raise UserError('argument', args[0], f'{rule}; parameters: docs/reference/parameters.md')


if __name__ == '__main__':
    run_module()
