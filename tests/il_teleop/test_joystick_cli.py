"""`il joystick` on SDL's virtual joystick, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from il_core.load import load_spec
from il_core.types import Command, Mode, Owner
from il_teleop.api import JoyState
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick
from tests.virtual_pad import NAME

pytest.importorskip('pygame')

# What to do at each question: hold, and let go. SDL's signs: up and left are negative.
ANSWERS = {
    'dead-man': (['axis 5 1.0'], ['axis 5 -1.0']),
    'x': (['axis 1 -1.0'], ['axis 1 0.0']),
    'y': (['axis 0 -1.0'], ['axis 0 0.0']),
    'z': (['hat 0 1'], ['hat 0 0']),
    'gripper': (['press 0'], ['let 0']),
    'takeover': (['press 9'], ['let 9']),
    'estop': (['press 1'], ['let 1']),
}


class Run:
    """One `il joystick ...`, its virtual pad and its keyboard."""

    def __init__(self, *argv: str) -> None:
        inner, outer = os.pipe()
        command = [sys.executable, '-m', 'tests.virtual_pad', 'il', str(inner), *argv]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=(inner,),
        )
        self._kept = inner  # so that a line too late breaks no pipe
        self._pad = os.fdopen(outer, 'w')

    def pad(self, *lines: str) -> None:
        self._pad.write(''.join(f'{line}\n' for line in lines))
        self._pad.flush()

    def enter(self) -> None:
        self.process.stdin.write('\n')
        self.process.stdin.flush()

    def close(self) -> int:
        self.process.kill()
        self._pad.close()
        os.close(self._kept)
        self.process.communicate()
        return self.process.returncode


@pytest.fixture
def run():
    made = []

    def make(*argv):
        made.append(Run(*argv))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_list_names_what_is_there(run):
    output, _ = run('list').process.communicate(timeout=30)
    assert output == f'0  {NAME} (8 axes, 13 buttons)\n'


def test_show_gives_the_numbers_of_joy(run):
    one = run('show')
    for line, shown in (('axis 1 -1.0', '1:+1.00'), ('press 3', 'buttons 3')):
        text = os.read(one.process.stdout.fileno(), 65536).decode()
        one.pad(line)
        while shown not in text:
            text = os.read(one.process.stdout.fileno(), 65536).decode()
            assert text, 'it ended'


def test_calibrate_writes_a_mapping_that_drives(run, tmp_path):
    out = tmp_path / 'pad.yaml'
    one = run('calibrate', '--task', 'reach', '--out', str(out))
    said = []
    for line in one.process.stdout:
        said.append(line.strip())
        name = line.partition(':')[0]
        if name in ANSWERS:  # what it heard is indented
            hold, let_go = ANSWERS[name]
            one.pad(*hold)
            time.sleep(0.6)
            one.pad(*let_go)
        elif 'Enter for none' in line:
            one.enter()
    assert one.process.wait(10) == 0, said
    assert f'il run --joystick {out}' in said[-1]
    mapper = JoystickMapper(load_joystick(str(out)), load_spec('reach'))
    sent = Command(0, 0, np.array([0.0, 0.0, 0.0, 0.08]), Mode.AUTONOMOUS, Owner.POLICY)
    mapper.sync(sent)  # where the gripper is
    rest = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    for axis, i, value in ((1, 0, 1.0), (0, 1, 1.0), (7, 2, 1.0)):
        axes = [*rest]
        axes[axis], axes[5] = value, -1.0
        expert = mapper.update(JoyState(0, tuple(axes), (0,) * 13))
        assert (expert.engaged, round(float(expert.action[i]), 6)) == (True, 0.02)
    assert load_joystick(str(out)).buttons.takeover == 9
    assert load_joystick(str(out)).buttons.discard is None


def test_what_is_there_is_not_written_over(run, tmp_path):
    (tmp_path / 'pad.yaml').write_text('mine')
    output, _ = run('calibrate', '--out', str(tmp_path / 'pad.yaml')).process.communicate()
    assert 'exists already; --force' in output
    assert (tmp_path / 'pad.yaml').read_text() == 'mine'


def test_unplugged_in_the_middle_it_ends_and_writes_nothing(run, tmp_path):
    out = tmp_path / 'pad.yaml'
    one = run('calibrate', '--out', str(out))
    for line in one.process.stdout:
        if line.startswith('dead-man'):
            one.pad('unplug')
        last = line
    assert one.process.wait(10) != 0
    assert 'is unplugged' in last
    assert list(tmp_path.iterdir()) == []
