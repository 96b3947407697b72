"""`il call`: what somebody without other ROS tools does with a graph that runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy

from il_core import cli
from il_core.types import Outcome
from il_data import manifest
from il_ros.parting import let_go
from il_ros.services import SERVICES
from il_ros.session import Session

pytestmark = pytest.mark.ros
OF_SWAP = {f'{n}/{p}' for n in ('gate', 'policy') for p in ('prepare', 'commit', 'rollback')}


@pytest.fixture(scope='module')
def graph(tmp_path_factory, domain):
    """A graph in namespace `arm` with every node that offers services, and a human who is too slow
    to end an episode by reaching the goal; gives its run folder, and its `services`."""
    run = tmp_path_factory.mktemp('run')
    options = ['--mode', 'demonstrate', '--operator', 'scripted', '--jobs', '--run', str(run)]
    options += ['--style', 'on_request', '--set', 'operator.reaction_s=60']
    command = [sys.executable, '-m', 'il_core.cli', 'run', *options, '--namespace', 'arm']
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    rclpy.init()
    session = Session(run, namespace='arm')
    try:
        session.wait_for_graph(60.0)
        session._spin(lambda: 'jobs/train' in services(session), 20.0)  # it comes last
        found = services(session)
        let_go([session.node])
        yield run, found
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=20)[1]
        assert process.returncode == 0, error
    finally:
        rclpy.try_shutdown()
        process.kill()


@pytest.mark.usefixtures('at_a_terminal')
@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)]
)
@pytest.mark.parametrize('command', [('call', 'gate/resume'), ('swap', 'checkpoint')])
def test_a_command_that_is_told_to_go_while_it_waits_goes_without_a_word(command, number, code):
    process = subprocess.Popen(
        [sys.executable, '-m', 'il_core.cli', *command, '--namespace', 'nowhere'],
        stderr=subprocess.PIPE,
        text=True,
    )
    maps = Path(f'/proc/{process.pid}/maps')
    end_s = time.monotonic() + 20
    while 'librmw_fastrtps' not in maps.read_text() and time.monotonic() < end_s:
        time.sleep(0.05)
    time.sleep(1.0)  # it looks for services by now
    process.send_signal(number)
    assert process.communicate(timeout=10)[1] == ''
    assert process.returncode == code


def services(session):
    """Return the services of the graph that are not those of every ROS node."""
    found = session.node.get_service_names_and_types()
    ours = [n for n, types in found if types[0].startswith(('interactive_il/', 'std_srvs/'))]
    return {name.removeprefix('/arm/') for name in ours}


@pytest.fixture
def call(capfd):
    """Return a function that runs `il call`; gives (exit code, what it printed)."""

    def call(*words):
        code = cli.main(['call', *words])
        out, err = capfd.readouterr()
        return code, out + err

    return call


def test_an_operator_records_judges_discards_and_brings_back_an_episode(graph, call):
    run, _ = graph

    def of_arm(*words):
        code, said = call(*words, '--namespace', 'arm')
        assert code == 0, said
        return said

    assert of_arm('sim/reset', 'seed=3')
    started = of_arm('episode/start', 'seed=3', 'operator_name=anna', 'wait_s=10')
    stopped = of_arm('episode/stop', 'outcome=failure', 'reason=the ring slipped')
    episode = stopped.partition('episode_id: ')[2].split()[0]
    assert f'episode_id: {episode}' in started
    assert 'verdict: ' in stopped
    bag = run / 'bags' / episode
    saved = manifest.load(bag)
    assert (saved.seed, saved.outcome, saved.operator) == (3, Outcome.FAILURE, 'anna')
    assert 'success' in of_arm('episode/label', f'episode_id={episode}', 'outcome=success')
    assert manifest.load(bag).outcome is Outcome.SUCCESS
    assert episode in of_arm('episode/discard')
    assert not bag.exists()
    assert episode in of_arm('episode/undo')
    assert bag.is_dir()


def test_a_refusal_says_why_and_is_an_error(graph, call):
    code, said = call('episode/stop', 'outcome=success', '--namespace', 'arm')
    assert code == 2
    assert "il call: service is 'episode/stop': refused: " in said


def test_the_table_has_every_service_of_our_nodes(graph):
    assert graph[1] - OF_SWAP == set(SERVICES)


def test_a_wrong_namespace_names_the_right_one(graph, call):
    code, said = call('gate/resume')
    assert code == 2
    assert "namespace is '/': there is no gate/resume in it" in said
    assert 'choices: /arm' in said


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['gate/resum'], 'did you mean gate/resume?'),
        (['gate/resume', 'x=1'], "field of gate/resume is 'x': not known; choices: none"),
        (['gate/set_budget', 'alpha=1', 'a=1'], "field of gate/set_budget is 'a': not known"),
        (['gate/set_budget'], "fields of gate/set_budget is '': must name alpha"),
        (['episode/label', 'reason=x'], "is 'reason': must name outcome"),
        (
            ['gate/set_budget', 'alpha=much'],
            "alpha of gate/set_budget is 'much': must be a number",
        ),
        (['sim/step', 'n=-1'], "n of sim/step is '-1': must be a number of type uint32"),
        (['sim/step', 'pause=perhaps'], 'choices: true, false'),
        (['sim/step', '3'], "field is '3': must be NAME=VALUE"),
        (['episode/stop', 'outcome=won'], 'choices: unknown, success, failure, timeout, aborted'),
        (['gate/resume', '--namespace', 'a-b'], "namespace is 'a-b': must be parts of letters"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_without_a_graph(call, words, said):
    code, text = call(*words)
    assert code == 2
    assert said in text
