"""Hooks that fail are heard, and leave the node in a state it can be used from."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from interactive_il.srv import StopEpisode
from rclpy.lifecycle import TransitionCallbackReturn as Result
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_ros import answering
from il_ros.health import Health, Level
from il_ros.lifecycle import IlNode
from il_ros.rules import arguments


class Probe(IlNode):
    node_name = 'probe'

    def __init__(self, **kwargs):
        self.calls = []
        self.fail = {}
        super().__init__(**kwargs)

    def _hook(self, name):
        self.calls.append(name)
        if name in self.fail:
            raise self.fail[name]

    def setup(self):
        self.out = self.publisher('command')
        self.subscribe('joy', lambda m: self._hook('joy'))
        self._hook('setup')

    def start(self):
        self.timer(0.01, lambda: self._hook('tick'))
        self._hook('start')

    def stop(self):
        self._hook('stop')

    def teardown(self):
        self._hook('teardown')

    def health(self):
        return Health(Level.OK, 'fine', {'calls': len(self.calls), 'age_s': 0.123456})


@pytest.fixture
def probe(context):
    return Probe()


def state(node):
    return node._state_machine.current_state[1]


def spin(executor, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        executor.spin_once(0.02)


def test_a_round_through_every_state_calls_every_hook_once(probe):
    assert probe.autostart()
    probe.close()
    assert probe.calls == ['setup', 'start', 'stop', 'teardown']
    assert state(probe) == 'unconfigured'
    assert probe.autostart()


@pytest.mark.parametrize(
    ('error', 'result'),
    [(UserError('gate', 'x', 'not known'), Result.FAILURE), (ValueError('boom'), Result.ERROR)],
)
def test_setup_that_raises_is_logged_and_can_be_tried_again(probe, capfd, error, result):
    probe.fail['setup'] = error
    assert probe.trigger_configure() == result
    assert state(probe) == 'unconfigured'
    assert 'teardown' in probe.calls
    assert str(error) in (log := capfd.readouterr().err)
    assert ('Traceback' in log) == isinstance(error, ValueError)
    probe.fail.clear()
    assert probe.autostart()
    assert len(list(probe.subscriptions)) == len({s.topic_name for s in probe.subscriptions})


@pytest.mark.parametrize('name', ['start', 'stop', 'teardown'])
def test_no_hook_that_raises_leaves_timers_or_an_active_node(probe, executor, capfd, name):
    probe.fail[name] = ValueError('boom')
    executor.add_node(probe)
    probe.autostart()
    probe.close()
    assert 'ValueError: boom' in capfd.readouterr().err
    assert not probe.active
    assert state(probe) == 'unconfigured' or name == 'start'
    ticks = probe.calls.count('tick')
    spin(executor, 0.1)
    assert probe.calls.count('tick') == ticks


def test_timers_run_only_while_active(probe, executor):
    executor.add_node(probe)
    probe.autostart()
    spin(executor, 0.2)
    assert probe.calls.count('tick') > 3
    probe.trigger_deactivate()
    ticks = probe.calls.count('tick')
    spin(executor, 0.1)
    assert probe.calls.count('tick') == ticks
    probe.trigger_activate()
    spin(executor, 0.1)
    assert probe.calls.count('tick') > ticks


def test_diagnostics_say_how_it_is_every_second(probe, executor):
    got = []
    listener = rclpy.create_node('listener')
    listener.create_subscription(DiagnosticArray, 'diagnostics', lambda m: got.append(m), 10)
    executor.add_node(probe)
    executor.add_node(listener)
    probe.autostart()
    probe.fail['tick'] = UserError('action', 3, 'must have 7 numbers')
    spin(executor, 2.3)
    status = got[-1].status[0]
    assert status.name == 'probe'
    assert status.level == bytes([Level.ERROR])
    assert 'action is 3: must have 7 numbers' in status.message
    assert {v.key: v.value for v in status.values}['age_s'] == '0.1235'


def test_diagnostics_forget_a_failure_that_was_put_right(probe):
    probe.fail = {'setup': UserError('gate', 'x', 'not known')}
    probe.trigger_configure()
    assert probe.state_of_health().message.startswith("gate is 'x': not known; put that right")
    probe.fail = {}
    probe.trigger_configure()
    activate = '`ros2 lifecycle set /probe activate`'
    assert probe.state_of_health().message == f'inactive; {activate}'
    probe.fail = {'start': UserError('gate', 'y', 'not known')}
    probe.trigger_activate()
    said = f"gate is 'y': not known; put that right, then {activate}"
    assert probe.state_of_health().message == said
    probe.fail = {}
    probe.trigger_activate()
    assert probe.state_of_health().message == 'fine'


def test_a_node_is_told_to_do_what_its_state_allows(probe):
    configure = '`ros2 lifecycle set /probe configure`, then activate'
    assert probe.state_of_health().message == f'unconfigured; {configure}'
    probe.trigger_shutdown()
    said = 'finalized; it does not come back: end its process, which `il run` and launch files'
    assert probe.state_of_health().message.startswith(said)


def test_a_service_refuses_while_inactive_and_answers_errors_in_words(probe):
    def stop(request, response):
        raise UserError('outcome', request.outcome, 'not known')

    offered = probe.service(StopEpisode, 'episode/stop', stop)
    answer = offered.callback(StopEpisode.Request(outcome=9), StopEpisode.Response())
    assert (answer.success, answer.message) == (False, "node is 'probe': is not active")
    probe.active = True
    answer = offered.callback(StopEpisode.Request(outcome=9), StopEpisode.Response())
    assert (answer.success, answer.message) == (False, 'outcome is 9: not known')


def test_a_refusal_that_is_asked_for_again_and_again_is_logged_once(probe, monkeypatch, capfd):
    def commit(_, response):
        raise UserError('mode', mode, 'must be HOLD')

    offered, now_s = probe.service(Trigger, 'gate/commit', commit), 0.0
    monkeypatch.setattr(answering, 'time', SimpleNamespace(monotonic=lambda: now_s))
    probe.active = True
    heard = [('A', 1), ('A', 2), ('B', 3), ('A', 4), ('B', 5), ('B', 20)]  # B drives, A corrects
    for mode, now_s in heard:  # noqa: B007 - the clock hears it
        answer = offered.callback(Trigger.Request(), Trigger.Response())
        assert answer.message == f"mode is '{mode}': must be HOLD"
    log = capfd.readouterr().err
    assert (log.count("is 'A'"), log.count("is 'B'")) == (1, 2)


def test_every_policy_that_keeps_two_nodes_apart_can_be_overridden(context):
    quality = {'reliability': 'best_effort', 'durability': 'transient_local', 'depth': 7}
    given = {f'qos_overrides./joy.subscription.{k}': v for k, v in quality.items()}
    probe = Probe(cli_args=['--ros-args', *arguments(given)])
    probe.trigger_configure()
    (joy,) = [s for s in probe.subscriptions if s.topic_name == '/joy']
    qos = joy.qos_profile
    assert (qos.reliability.name, qos.durability.name, qos.depth) == (
        'BEST_EFFORT',
        'TRANSIENT_LOCAL',
        7,
    )


def test_incompatible_qos_is_logged_with_both_profiles(probe, executor, capfd):
    executor.add_node(probe)
    other = rclpy.create_node('other')
    executor.add_node(other)
    probe.autostart()
    latched = rclpy.qos.QoSProfile(depth=1, durability=rclpy.qos.DurabilityPolicy.TRANSIENT_LOCAL)
    other.create_subscription(probe.out.msg_type, 'command', lambda m: None, latched)
    spin(executor, 1.0)
    log = capfd.readouterr().err
    assert '/command: incompatible QoS (DURABILITY)' in log
    assert 'ours RELIABLE, VOLATILE, depth 64' in log
    assert 'TRANSIENT_LOCAL' in log
