"""One holder at a time; what it wrote outlives it for a minute."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import pytest

from il_ros import lock_file
from il_ros.lock_file import LockFile

HOLDER = """
import sys
from il_ros.lock_file import LockFile
file = LockFile('gate')
file.write(file.found + 'x')
print('held', flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return tmp_path


def test_a_process_that_is_killed_lets_go_and_its_words_are_found():
    command = [sys.executable, '-c', HOLDER]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == 'held\n'
    with pytest.raises(BlockingIOError):
        LockFile('gate')
    other = LockFile('another gate')
    assert other.found == ''
    holder.kill()
    holder.wait()
    again = LockFile('gate')
    assert again.found == 'x'
    again.write('')
    again.close()
    again.close()
    assert LockFile('gate').found == ''


def test_what_was_written_long_ago_is_not_found(place):
    first = LockFile('gate')
    first.write('old')
    first.close()
    (path,) = place.iterdir()
    long_ago = time.time() - lock_file.FRESH_S - 1
    os.utime(path, (long_ago, long_ago))
    second = LockFile('gate')
    assert second.found == ''
    second.touch()
    second.close()
    assert LockFile('gate').found == 'old', 'its holder was there a moment ago'


def test_a_machine_without_a_place_for_it_goes_without(monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', '/proc/no/such/place')
    file = LockFile('gate')
    file.write('x')
    file.touch()
    assert file.found == ''
    LockFile('gate').close()
