"""`il doctor` on machines that are broken in real ways, and on one that is not."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from il_ros.doctor import cli, install, joystick, transport
from il_ros.doctor.api import CHECKS, Level, Result, Settings, examine, ok
from il_ros.doctor.disk import check as disk
from il_ros.doctor.graph import judge
from tests.house import ROOT

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL


def doctor(tmp_path, *args, **environ):
    """Run the command with variables changed (None: unset). Returns exit code and results."""
    env = {k: v for k, v in {**os.environ, **environ}.items() if v is not None}
    file = tmp_path / 'doctor.json'
    command = [sys.executable, '-m', 'il_core.cli', 'doctor', '--json', str(file), *args]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=150)
    assert file.exists(), run.stderr
    rows = json.loads(file.read_text())['results']
    assert all(row['remedy'] for row in rows if row['level'] != 'OK')
    return run.returncode, {row['what']: (row['level'], row['finding']) for row in rows}


def test_a_healthy_install_and_disk_are_no_fail(tmp_path):
    code, found = doctor(tmp_path, '--only', 'install', 'disk', '--folder', str(tmp_path))
    assert code == 0
    assert found['rclpy'] == ('OK', '7.1.6 (Jazzy)')
    assert found['messages'][0] == found['a node'][0] == 'OK'
    assert found['write speed'][1].split()[0].isdigit()


def test_messages_that_are_not_built_and_logs_that_cannot_be_written(tmp_path):
    (tmp_path / 'interactive_il').mkdir()
    (tmp_path / 'interactive_il' / '__init__.py').touch()
    code, found = doctor(
        tmp_path, '--only', 'install', PYTHONPATH=str(tmp_path), ROS_LOG_DIR='/proc/nowhere'
    )
    assert code == 1
    assert found['messages'][0] == found['log folder'][0] == found['a node'][0] == 'FAIL'
    assert '/proc/nowhere' in found['log folder'][1]
    assert 'does not start' in found['a node'][1]


def test_another_middleware_that_is_not_there(tmp_path):
    code, found = doctor(tmp_path, '--only', 'install', RMW_IMPLEMENTATION='rmw_nowhere')
    assert code == 1
    assert found['a node'][0] == 'FAIL'
    assert 'rmw_nowhere' in found['a node'][1]


def test_the_packages_that_it_looks_for_are_those_of_pyproject():
    text = (ROOT / 'pyproject.toml').read_text()
    for name, looked_for in {'dependencies': install.NEEDED, **install.EXTRAS}.items():
        line = re.search(rf'^{name} = \[(.*)\]', text, re.MULTILINE)
        assert re.findall(r'"([\w-]+)', line[1]) == list(looked_for)
    assert install.PURPOSES.keys() == install.EXTRAS.keys()


def test_what_is_missing_is_said_by_what_it_is_for(monkeypatch):
    there = dict.fromkeys((*install.NEEDED, 'pybullet', 'gymnasium', 'torch', 'pillow'), '1.0')
    monkeypatch.setattr(install, '_version', lambda name: there.get(name, ''))
    monkeypatch.setattr(install, '_tested', dict)
    found = {r.what: r for r in install._packages()}
    assert found['packages for train'].level is WARN
    assert found['packages for train'].finding == 'not installed: onnx, matplotlib'
    assert found['packages for train'].remedy.startswith('to train')
    assert found['packages for sim'].finding == 'not installed: pygame-ce', 'cv2 is there'
    assert found['packages'].level is OK
    del there['zstandard']
    assert 'missing: zstandard' in [r.finding for r in install._packages()]


def test_in_a_workspace_older_versions_are_the_tested_ones(monkeypatch):
    """numpy is that of the ROS 2 install there, and OpenCV one that runs with it."""
    monkeypatch.setattr(install.extras, 'by_pip', lambda: False)
    tested = install._tested()
    assert 'numpy' not in tested
    assert tested['opencv-python-headless'] == ['4.11.0.86']
    assert (
        install._again()
        == 'install again: `pip install -r requirements/ros-host.txt` from the checkout'
    )


def test_messages_of_another_version(monkeypatch, tmp_path):
    for name in ('config/robots', 'msg'):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / 'msg' / 'Command.msg').write_text('uint64 tick  # and nothing else\n')
    monkeypatch.setattr(install.share, 'share_dir', lambda: tmp_path)
    (result,) = install._messages()
    assert (result.level, result.finding) == (FAIL, 'other than in msg/: Command')


def test_ament_prefix_path_unset_gone_or_elsewhere(monkeypatch, tmp_path):
    monkeypatch.delenv('AMENT_PREFIX_PATH')
    assert install.ament().level is WARN
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/nowhere')
    assert 'no such folder: /nowhere' in install.ament().finding
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert install.ament().level is FAIL
    assert 'does not hold interactive_il' in install.ament().finding
    monkeypatch.setenv('AMENT_PREFIX_PATH', sys.prefix)
    assert install.ament().level is OK


def test_a_transport_profile_that_is_missing_broken_or_empty(monkeypatch, tmp_path):
    file = tmp_path / 'profile.xml'
    name = 'FASTDDS_DEFAULT_PROFILES_FILE'
    monkeypatch.setenv(name, str(file))
    assert 'no such file' in transport.profile().finding
    file.write_text('<dds><profiles>')
    assert 'is not XML' in transport.profile().finding
    file.write_text('<dds><profiles/></dds>')
    assert 'no participant' in transport.profile().finding
    assert transport.profile().level is FAIL
    assert f'unset {name}' in transport.profile().remedy
    monkeypatch.delenv(name)
    assert transport.profile().level is OK


def test_a_profile_of_the_users_own_wins_under_either_name(monkeypatch):
    one, other = transport.PROFILES
    monkeypatch.delenv(one, raising=False)
    monkeypatch.delenv(other, raising=False)
    assert set(transport.environment.transport()) == {one, other}
    monkeypatch.setenv(one, '/own.xml')  # Fast DDS 2.14 would not look there
    assert transport.environment.transport() == {one: '/own.xml', other: '/own.xml'}


@pytest.mark.parametrize(
    ('value', 'level'), [('999', FAIL), ('x', FAIL), ('²', FAIL), ('232', OK)]
)
def test_a_domain_that_does_not_exist(monkeypatch, value, level):
    monkeypatch.setenv('ROS_DOMAIN_ID', value)
    assert transport.domain().level is level


@pytest.mark.ros
def test_what_a_killed_node_leaves_in_shared_memory_is_named():
    command = [sys.executable, '-m', 'il_ros.doctor.image_probe', 'hear', 'left_behind']
    env = {**os.environ, **transport.environment.transport(images=True)}
    node = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def its_files():
        links = []
        for path in Path(f'/proc/{node.pid}/fd').iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                links.append(os.readlink(path))
        return {Path(link).name for link in links if link.startswith('/dev/shm/fastrtps_')}

    end_s = time.monotonic() + 40
    while not (files := its_files()) and time.monotonic() < end_s:
        time.sleep(0.2)
    assert files
    assert not files & set(transport.abandoned())
    sizes = [(transport.SHM / name.removesuffix('_el')).stat().st_size for name in files]
    assert max(sizes) > 8_000_000  # the segment of our profile: it is really read
    node.send_signal(signal.SIGKILL)
    node.wait()
    node.stdin.close()
    assert files & set(transport.abandoned())
    found = {result.what: result for result in transport.shared_memory()}
    assert found['leftovers'].level is WARN
    transport.environment.clean_shared_memory()
    assert not files & set(transport.abandoned())


@pytest.fixture
def mount(tmp_path):
    """Mount a tmpfs of one megabyte, writable or not."""
    made = []

    def make(*options):
        place = tmp_path / f'disk{len(made)}'
        place.mkdir()
        command = ['mount', '-t', 'tmpfs', '-o', ','.join(options), 'tmpfs', str(place)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip('may not mount here')
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(['umount', str(place)], check=True)


def test_a_disk_that_is_read_only(mount):
    first, second = disk(Settings(mount('ro', 'size=900m') / 'runs'))
    assert (first.level, second.level) == (FAIL, WARN)
    assert 'cannot be written: Read-only file system' in first.finding


def test_a_disk_that_is_nearly_full(mount):
    results = list(disk(Settings(mount('size=40m'))))
    assert 'MB free, the recorder leaves 500 MB alone' in results[0].finding
    assert results[0].level is FAIL
    too_small = next(disk(Settings(mount('size=1m'))))
    assert 'cannot be written: No space left on device' in too_small.finding


@pytest.mark.parametrize('name', ['runs[old]', 'runs[/red]'])
def test_a_folder_that_is_a_file_is_named_whole(tmp_path, capsys, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('no folder')
    assert cli.main(['--only', 'disk', '--folder', str(tmp_path / name)]) == 1
    said = capsys.readouterr().out
    assert f'{name} ' in said
    assert 'is a file: nothing can be recorded there' in said


def test_no_joystick_and_one_that_may_not_be_read(monkeypatch, tmp_path):
    monkeypatch.setattr(joystick, 'INPUT', tmp_path)
    first = next(joystick.check(Settings()))
    assert (first.what, first.level) == ('joystick', WARN)
    assert f'none: no {tmp_path}/js*' in first.finding
    (tmp_path / 'js0').touch()
    monkeypatch.setattr(joystick.os, 'access', lambda path, mode: False)
    first = next(joystick.check(Settings()))
    assert (first.level, 'usermod -aG input' in first.remedy) == (FAIL, True)


def test_a_joystick_where_nobody_knows_names(monkeypatch, tmp_path):
    monkeypatch.setattr(joystick, 'INPUT', tmp_path)
    monkeypatch.setattr(joystick, '_names', lambda: None)
    (tmp_path / 'js0').touch()
    first = next(joystick.check(Settings()))
    assert (first.finding, first.level) == (str(tmp_path / 'js0'), OK)


@pytest.mark.parametrize(
    ('joy', 'pygame', 'words'),
    [
        (True, False, 'joy_node; unplugged'),
        (True, True, 'joystick_node of this package'),
        (False, True, 'joystick_node of this package'),
        (False, False, 'neither pygame nor the package joy'),
    ],
)
def test_who_would_read_a_gamepad(monkeypatch, tmp_path, joy, pygame, words):
    """As the graph would choose: joy_node only where our own reader cannot run."""
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    if joy:
        (tmp_path / 'lib' / 'joy').mkdir(parents=True)
        (tmp_path / 'lib' / 'joy' / 'joy_node').touch()
    (tmp_path / 'pygame.py').touch()
    monkeypatch.setattr(sys, 'path', [str(tmp_path)] if pygame else [])
    monkeypatch.delitem(sys.modules, 'pygame', raising=False)
    driver = joystick._driver()
    assert words in driver.finding
    assert driver.level is (OK if pygame else WARN)


def end(node, reliable=True, latched=False):
    return {'node': node, 'reliable': reliable, 'latched': latched}


def topic(publishers=(), subscriptions=(), types=('a/msg/A',)):
    return {
        'types': list(types),
        'publishers': list(publishers),
        'subscriptions': list(subscriptions),
    }


WELL = {
    'nodes': ['/gate', '/policy'],
    'states': {'/gate': 'active', '/policy': 'active'},
    'sim_time': [],
    'topics': {'/command': topic([end('/gate')], [end('/policy')])},
    'diagnostics': {'gate': (0, 'AUTONOMOUS: start')},
}


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'nodes': ['/gate', '/gate']}, '2 nodes of this name'),
        ({'states': {'/gate': 'inactive'}}, 'is inactive; `ros2 lifecycle set /gate activate`'),
        ({'states': {'/gate': 'finalized'}}, 'is finalized; it does not come back'),
        (
            {'diagnostics': {'gate': (2, 'ESTOP: pressed; call gate/reset_estop')}},
            'ESTOP: pressed',
        ),
        ({'topics': {'/command': topic([end('/gate'), end('/x')])}}, '2 writers: /gate, /x'),
        ({'topics': {'/joy': topic(types=('a/msg/A', 'b/msg/B'))}}, 'two types: a/msg/A and b'),
        (
            {'topics': {'/a': topic([end('/p', False)], [end('/r')])}},
            '/r hears nothing of /p: it asks for reliable',
        ),
        (
            {'topics': {'/a': topic([end('/p')], [end('/r', latched=True)])}},
            'start /r with -p qos_overrides./a.subscription.durability:=volatile',
        ),
        ({'sim_time': ['/policy']}, 'time stands still for /policy'),
        (
            {
                'sim_time': ['/left/policy', '/right/policy'],
                'topics': {'/left/clock': topic([end('/left/sim')])},
            },
            'time stands still for /right/policy',
        ),
    ],
)
def test_a_graph_that_is_out_of_order(change, words):
    assert [r.level for r in judge(WELL)] == [OK]
    (result,) = judge({**WELL, **change})
    assert words in f'{result.finding}; {result.remedy}'
    assert result.level is FAIL
    assert result.remedy


@pytest.mark.ros
def test_a_running_graph_is_looked_at(tmp_path):
    policy = [sys.executable, '-m', 'il_policy.node', '--ros-args']
    settings = (['-p', 'autostart:=true'], ['-p', 'autostart:=false'], ['-r', '__ns:=/left'])
    nodes = [subprocess.Popen([*policy, *s], stderr=subprocess.DEVNULL) for s in settings]
    try:
        for _ in range(3):  # a busy machine may need longer to start them
            time.sleep(3)
            code, found = doctor(tmp_path, '--only', 'graph')
            if 'left/policy' in found:
                break
    finally:
        for node in nodes:
            node.send_signal(signal.SIGINT)
            node.wait()
    assert code == 1
    assert found['/policy'][0] == 'FAIL'
    assert found['policy'][0] in ('WARN', 'FAIL')
    assert found['left/policy'][0] in ('WARN', 'FAIL')


@pytest.mark.ros
def test_a_node_that_is_found_late_is_seen(context):
    """One whose first answer got lost announces itself 3 s later: who leaves before calls a graph
    in order that lacks it."""
    import rclpy

    from il_ros.doctor.graph_probe import Look

    look, nodes = Look(), []
    late = threading.Timer(3.5, lambda: nodes.append(rclpy.create_node('late')))
    late.start()
    seen = look.see()
    late.join()
    assert '/late' in seen['nodes']


@pytest.mark.parametrize('columns', ['', '80'])
def test_a_remedy_can_be_copied_whole(monkeypatch, tmp_path, capsys, columns):
    """Also out of a pipe, and where one word is wider than the terminal."""
    path = '/' + '/'.join(['a_long_folder'] * 12)
    (tmp_path / 'sun_check.py').write_text(
        'from il_ros.doctor.api import Level, Result\n'
        'def check(settings):\n'
        f'    yield Result("sun", Level.WARN, "set", "look at {path} and into the sky")\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(CHECKS, '_targets', {'sun': 'sun_check:check'})
    monkeypatch.setenv('COLUMNS', columns)
    assert cli.main(['--only', 'sun']) == 0
    said = capsys.readouterr().out
    rows = [line.split('│')[-2].strip() for line in said.splitlines() if line.startswith('│')]
    assert path in ''.join(rows)
    assert (f'-> look at {path} and into the sky' in rows) is (not columns)


def test_a_check_is_one_file_and_one_line(monkeypatch, tmp_path):
    (tmp_path / 'moon_check.py').write_text(
        'from il_ros.doctor.api import ok\n'
        'def check(settings):\n'
        '    yield ok("moon", "full")\n'
        '    raise OSError("clouds")\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(CHECKS, '_targets', {'moon': 'moon_check:check'})
    (_, first), (_, second) = examine(['moon'], Settings())
    assert first == ok('moon', 'full')
    assert isinstance(second, Result)
    assert 'OSError: clouds (moon_check.py:4)' in second.finding
