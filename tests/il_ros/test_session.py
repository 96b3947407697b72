"""What has to be there before an episode is asked for."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import NamedTuple

import pytest
import rclpy
from interactive_il.srv import StartEpisode, StopEpisode
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_core.types import Cause, GateState, Mode, Owner
from il_ros import session as session_module
from il_ros.collect import Plan
from il_ros.collect import _session as make_session
from il_ros.messages import state_to_msg
from il_ros.session import Session
from il_ros.topics import TOPICS, create_publisher

BLIND = GateState(0, 1, Mode.HOLD, Owner.NOBODY, Cause.START)


class Answer(NamedTuple):
    episode_id: str


def graph_without_simulator(name):
    node = rclpy.create_node(name)
    services = (
        (StartEpisode, 'episode/start'),
        (StopEpisode, 'episode/stop'),
        (Trigger, 'episode/discard'),
    )
    for kind, service in services:
        node.create_service(kind, service, lambda request, response: response)
    return node


def test_a_gate_that_has_seen_nothing_yet_is_waited_for(context, tmp_path):
    """It would take the episode for one from before it and wait for resume."""
    node = graph_without_simulator('graph')
    status = create_publisher(node, TOPICS['gate/status'])
    session = Session(tmp_path, lambda: status.publish(state_to_msg(told)), simulated=False)
    told = BLIND
    with pytest.raises(UserError, match='gate/status with an observation'):
        session.wait_for_graph(1.5)
    told = dataclasses.replace(BLIND, observation_age_s=0.01)
    session.wait_for_graph(20.0)
    session.node.destroy_node()
    node.destroy_node()


def test_an_episode_of_somebody_else_is_named_and_a_graph_that_went_is_not_taken_for_one(
    context, tmp_path, monkeypatch
):
    monkeypatch.setattr(session_module, 'ANSWER_S', 0.5)
    monkeypatch.setattr(session_module, 'READY_S', 0.2)
    node = graph_without_simulator('graph')
    status = create_publisher(node, TOPICS['gate/status'])
    told = dataclasses.replace(BLIND, observation_age_s=0.01, episode_id='of_somebody')
    session = Session(tmp_path, lambda: status.publish(state_to_msg(told)), simulated=False)
    session.wait_for_graph(20.0)
    with pytest.raises(UserError, match="episode is 'of_somebody': is running already: `il"):
        session.episode(1)
    told = dataclasses.replace(told, episode_id='')
    # Nobody spins the graph's node: it is there, and mute.
    with pytest.raises(UserError, match=r'episode/start.*no answer within'):
        session.episode(1)
    idle, told = told, dataclasses.replace(told, episode_id='e')
    assert session._spin(lambda: session._gate.episode_id == 'e', 5.0)
    node.destroy_node()
    session._look = lambda: None
    with pytest.raises(UserError, match=r"graph is \['gate/status'\]: was there and is gone"):
        session.episode(1)
    session._gate = idle
    with pytest.raises(UserError, match=r'episode/start.*was there and is gone; is `il run'):
        session.episode(1)
    session.node.destroy_node()


def test_the_disk_of_another_computer_cannot_be_looked_at(executor, tmp_path):
    """On `hosts` many the recorder may write there; here it would be another run folder."""
    node = graph_without_simulator('recorder')
    node.declare_parameter('folder', '/of/somebody/bags')
    executor.add_node(node)
    status = create_publisher(node, TOPICS['gate/status'])
    seeing = dataclasses.replace(BLIND, observation_age_s=0.01)

    def look():
        status.publish(state_to_msg(seeing))
        executor.spin_once(0.0)

    for hosts in ('many', 'one'):
        plan = Plan(tmp_path, (0,), simulated=False, hosts=hosts)
        session = make_session(plan, None, look)
        if hosts == 'many':
            session.wait_for_graph(20.0)
        else:
            with pytest.raises(UserError, match=r'recorder .* writes into /of/somebody/bags'):
                session.wait_for_graph(20.0)
        session.node.destroy_node()
    node.destroy_node()


@pytest.mark.parametrize(
    ('mode', 'cause'),
    [
        (Mode.HOLD, Cause.START),
        (Mode.HOLD, Cause.STALE_JOYSTICK),
        (Mode.ESTOP, Cause.ESTOP),
    ],
)
def test_a_robot_that_waits_for_its_human_is_not_given_up(
    executor, tmp_path, monkeypatch, mode, cause
):
    """He may be putting the scene in order, have stopped it, or have taken over without the
    dead-man: the gate ends that. What is broken is given up all the same."""
    node = graph_without_simulator('robot')
    status = create_publisher(node, TOPICS['gate/status'])
    seeing = dataclasses.replace(BLIND, observation_age_s=0.01)
    holds = dataclasses.replace(seeing, episode_id='e', mode=mode, cause=cause)
    broken = dataclasses.replace(
        holds, mode=Mode.HOLD, cause=Cause.STALE_OBSERVATION, detail='old'
    )
    held: list[tuple[float, Mode]] = []

    def tell():
        waited_s = time.monotonic() - held[0][0] if held else 0.0
        told = broken if waited_s > 2.0 else holds if begun.is_set() else seeing
        status.publish(state_to_msg(told))

    node.create_timer(0.05, tell)
    executor.add_node(node)
    begun, over = threading.Event(), threading.Event()

    def spin():
        while not over.is_set():
            executor.spin_once(0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    session = Session(tmp_path, stall_s=0.5, simulated=False)
    monkeypatch.setattr(session, '_call', lambda name, *_: begun.set() or Answer('e'))
    try:
        with pytest.raises(UserError, match=r'nobody acted for 0.5 s; .* STALE_OBSERVATION: old'):
            session.episode(1, holding=lambda mode: held.append((time.monotonic(), mode)))
        assert {said for _, said in held} == {mode}
        assert held[-1][0] - held[0][0] > 1.5, 'longer than what is broken may last'
    finally:
        over.set()
        thread.join()
        session.node.destroy_node()
        node.destroy_node()
