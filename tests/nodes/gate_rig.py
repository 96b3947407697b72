"""GateNode in a process of its own, and a hand that plays policy, joystick and recorder."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rclpy.experimental import EventsExecutor
from std_srvs.srv import Trigger

from il_core.load import load_spec
from il_core.types import EpisodeEvent as Event
from il_core.types import EventKind, ExpertAction, Frame, Press, Proposal
from il_ros.messages import (
    command_from_msg,
    event_from_msg,
    event_to_msg,
    expert_to_msg,
    proposal_to_msg,
    state_from_msg,
)
from il_ros.rules import arguments
from il_ros.topics import TOPICS, command_topic, create_publisher, create_subscription

PERIOD_S = 0.05
# A busy machine may let this hand stop for longer than the defaults of the gate allow.
PATIENT = {'observation_timeout_s': 1.0, 'joystick_timeout_s': 1.0}


class GateProcess:
    """What is not said stays as it was: `policy_speaks`, `joystick_speaks`, `engaged`, `mean`."""

    def __init__(self, lockstep: bool = False, task: str = 'reach', **params: object) -> None:
        self.spec, self.lockstep = load_spec(task), lockstep
        defaults = {'gate': 'policy_only', 'auto_start': True, **PATIENT}
        settings = {'task': task, 'lockstep': lockstep, **defaults, **params}
        module = ['-m', 'il_gating.node', '--ros-args']
        self.command_line = [sys.executable, *module, *arguments(settings)]
        self.process, self.others = self._spawn(), []
        self.executor, self.hand = EventsExecutor(), rclpy.create_node('hand')
        self.executor.add_node(self.hand)
        self.commands, self.states, self.events, self.driven = [], [], [], []
        self._listen('command', lambda m: self.commands.append(command_from_msg(m)))
        self._listen('gate/status', lambda m: self.states.append(state_from_msg(m)))
        self._listen('episode/events', lambda m: self.events.append(event_from_msg(m)))
        for topic in map(command_topic, self.spec.robot.commands):
            self._listen(topic, self.driven.append)
        self.out = {
            name: create_publisher(self.hand, TOPICS[name], lockstep)
            for name in ('policy/proposal', 'teleop/action', 'episode/events')
        }
        self.policy_speaks, self.joystick_speaks, self.engaged = True, False, False
        self.mean = np.array([0.002, 0.0, 0.0, 0.08])
        self.variance = None
        self.human = np.array([0.0, 0.004, 0.0, 0.08])
        self.presses = [0] * len(Press)
        self.tick, self._next = 0, 0.0

    def _spawn(self):
        env = os.environ | {'PYTHONUNBUFFERED': '1'}
        return subprocess.Popen(self.command_line, env=env, stderr=subprocess.PIPE, text=True)

    def another(self, **environ):
        """Start a second gate beside the first; whoever calls waits for its end."""
        env, out = os.environ | environ, subprocess.PIPE
        self.others.append(
            subprocess.Popen(
                self.command_line, env=env, stdout=out, stderr=subprocess.STDOUT, text=True
            )
        )
        return self.others[-1]

    def restart(self):
        """Kill the gate as a crash would, start it anew, and forget what the old one said."""
        self.process.kill()
        self.process.communicate()
        self.spin_for(0.2)  # what it said last
        self.states.clear()
        self.commands.clear()
        self.process = self._spawn()

    def _listen(self, topic, callback):
        topic = TOPICS[topic] if isinstance(topic, str) else topic
        create_subscription(self.hand, topic, callback, lockstep=self.lockstep, depth=1000)

    @property
    def mode(self):
        return self.states[-1].mode if self.states else None

    @property
    def cause(self):
        return self.states[-1].cause if self.states else None

    def speak(self, stamp_ns=None):
        """Publish what policy and joystick say at one tick."""
        stamp_ns = time.time_ns() if stamp_ns is None else stamp_ns
        if self.policy_speaks:
            self.tick += 1
            frame = Frame(
                self.tick,
                stamp_ns,
                np.zeros(len(self.spec.frame_fields)),
                (stamp_ns,) * len(self.spec.observed),
            )
            proposal = Proposal(frame, 'abc', self.spec.hash, self.mean, self.variance)
            self.out['policy/proposal'].publish(proposal_to_msg(proposal))
        if self.joystick_speaks:
            expert = ExpertAction(stamp_ns, self.human, self.engaged, 't', tuple(self.presses))
            self.out['teleop/action'].publish(expert_to_msg(expert))

    def event(self, kind, episode_id='e1'):
        event = Event(time.time_ns(), kind, episode_id, 3)
        self.out['episode/events'].publish(event_to_msg(event))

    def press(self, button):
        self.presses[button] += 1

    def spin(self, until, limit_s=10.0):
        """Speak at 20 Hz and listen until `until()`; returns whether it came true."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if until():
                return True
            if not self.lockstep and time.monotonic() >= self._next:
                self._next = time.monotonic() + PERIOD_S
                self.speak()
            self.executor.spin_once(0.005)
        return bool(until())

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        self.spin(lambda: time.monotonic() >= end)

    def started(self):
        """Wait until the gate hears everybody, then begin an episode.

        An event that came before the gate's first frame would be of an episode it joined late.
        """
        assert self.spin(self._heard), self.process.poll()
        self.event(EventKind.STARTED)

    def _heard(self):
        if not self.states or not self.out['episode/events'].get_subscription_count():
            return False
        last = self.states[-1]
        joystick = not self.joystick_speaks or math.isfinite(last.joystick_age_s)
        return joystick and (not self.policy_speaks or math.isfinite(last.observation_age_s))

    def diagnostics(self):
        """Return a list that the messages of all diagnostics are put into from now on."""
        said = []
        self.hand.create_subscription(
            DiagnosticArray, 'diagnostics', lambda m: said.extend(s.message for s in m.status), 10
        )
        return said

    def call(self, name):
        return self._call(Trigger, name, Trigger.Request())

    def change(self, *transitions):
        """Lead the gate through transitions of its life cycle; forget what it said before."""
        for number in transitions:
            request = ChangeState.Request()
            request.transition.id = number
            self.states.clear()
            assert self._call(ChangeState, 'change_state', request).success, number

    def _call(self, kind, name, request):
        client = self.hand.create_client(kind, f'gate/{name}')
        assert self.spin(client.service_is_ready)
        future = client.call_async(request)
        assert self.spin(future.done)
        return future.result()

    def end(self, number=signal.SIGINT):
        """Signal the process; returns its exit code. What it says last is heard."""
        self.process.send_signal(number)
        self.policy_speaks = self.joystick_speaks = False
        assert self.spin(lambda: self.process.poll() is not None)
        self.spin_for(0.3)
        return self.process.returncode

    def close(self):
        """End the gate in good order: one that is killed in ESTOP leaves it to the next."""
        for other in self.others:
            other.kill()
            other.wait()
        self.process.terminate()
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        self.executor.shutdown()
        self.hand.destroy_node()
