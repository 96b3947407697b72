"""What has to be there before an episode is asked for."""

from __future__ import annotations

import dataclasses

import pytest
import rclpy
from interactive_il.srv import StartEpisode, StopEpisode
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_core.types import Cause, GateState, Mode, Owner
from il_ros.messages import state_to_msg
from il_ros.session import Session
from il_ros.topics import TOPICS, create_publisher

BLIND = GateState(0, 1, Mode.HOLD, Owner.NOBODY, Cause.START)


def test_a_gate_that_has_seen_nothing_yet_is_waited_for(context, tmp_path):
    """It would take the episode for one from before it and wait for resume."""
    node = rclpy.create_node('graph')
    services = (
        (StartEpisode, 'episode/start'),
        (StopEpisode, 'episode/stop'),
        (Trigger, 'episode/discard'),
    )
    for kind, name in services:
        node.create_service(kind, name, lambda request, response: response)
    status = create_publisher(node, TOPICS['gate/status'])
    session = Session(tmp_path, lambda: status.publish(state_to_msg(told)), simulated=False)
    told = BLIND
    with pytest.raises(UserError, match='gate/status with an observation'):
        session.wait_for_graph(1.5)
    told = dataclasses.replace(BLIND, observation_age_s=0.01)
    session.wait_for_graph(20.0)
    session.close()
    node.destroy_node()
