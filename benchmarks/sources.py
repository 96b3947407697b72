"""What the world publishes; used by recorder_load.py and realtime.py.

    python benchmarks/sources.py joints OUT.json TASK ROBOT NAMESPACE

`joints`: JointState at its stream's rate; `camera`: 640x480 rgb8 at its stream's rate; `ticks`:
one message of every other recorded topic per tick; `sensors`: the observed streams per tick. On
SIGINT it stops and writes how many messages it has published on each topic, by resolved name.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from il_core.align import Aligner
from il_core.load import load_spec
from il_core.spec import Spec
from il_core.types import (
    NS_PER_S,
    Cause,
    Command,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Frame,
    GateState,
    Mode,
    Owner,
    Proposal,
    Vector,
)
from il_data.atomic import write_json
from il_ros.build import build_commands, build_stream, to_time
from il_ros.messages import (
    command_to_msg,
    event_to_msg,
    expert_to_msg,
    proposal_to_msg,
    state_to_msg,
)
from il_ros.run import StopFlag
from il_ros.topics import (
    TOPICS,
    command_topic,
    create_publisher,
    create_subscription,
    message_class,
    stream_topic,
)

WIDTH, HEIGHT, FRAMES = 640, 480, 8
MEMBERS = 5


def pictures(rng: np.random.Generator) -> list[bytes]:
    """Return a few frames that compress like a camera's: smooth, with noise of three levels."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames = []
    for k in range(FRAMES):
        smooth = np.stack([x / 4 + 8 * k, y / 3, (x + y) / 6], axis=-1)
        noise = rng.normal(0.0, 3.0, smooth.shape)
        frames.append(np.clip(smooth + noise, 0, 255).astype(np.uint8).tobytes())
    return frames


class Joints:
    """One JointState after the other."""

    def __init__(self, node: Any, spec: Spec, rng: np.random.Generator) -> None:
        self._stream = next(s for s in spec.streams if s.name == 'joint_states')
        self.publishers = [create_publisher(node, stream_topic(self._stream))]
        self._values = rng.normal(size=len(self._stream.fields))
        self.rate_hz = self._stream.rate_hz

    def messages(self, tick: int, stamp_ns: int) -> Iterable[Any]:
        yield build_stream(self._stream, self._values, stamp_ns)


class Camera:
    """One picture after the other."""

    def __init__(self, node: Any, spec: Spec, rng: np.random.Generator) -> None:
        stream = next(s for s in spec.streams if s.codec == 'image')
        self.publishers = [create_publisher(node, stream_topic(stream))]
        self.rate_hz = stream.rate_hz
        self._images = [
            Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=WIDTH * 3, data=data)
            for data in pictures(rng)
        ]

    def messages(self, tick: int, stamp_ns: int) -> Iterable[Any]:
        image = self._images[tick % FRAMES]
        image.header.stamp = to_time(stamp_ns)
        yield image


class Ticks:
    """Everything else that is recorded, at every tick; a policy has the robot in the episode that
    runs, as nobody learns from one in which nobody has it."""

    def __init__(self, node: Any, spec: Spec, rng: np.random.Generator) -> None:
        self._spec, self._rng, self.rate_hz = spec, rng, spec.robot.rate_hz
        self._streams = [s for s in spec.observed if s.name != 'joint_states']
        fixed = [t for t in TOPICS.values() if t.recorded]
        commands = [command_topic(c) for c in spec.robot.commands]
        topics = [*map(stream_topic, self._streams), *commands, *fixed]
        self.publishers = [create_publisher(node, topic) for topic in topics]
        self._episode_id = ''
        create_subscription(node, TOPICS['episode/events'], self._on_event)

    def _on_event(self, event: Any) -> None:
        if event.kind == EventKind.STARTED:
            self._episode_id = event.episode_id

    def messages(self, tick: int, stamp_ns: int) -> Iterable[Any]:
        spec, aligner = self._spec, Aligner(self._spec)
        values = {s.name: self._rng.normal(size=len(s.fields)) for s in spec.observed}
        for name, value in values.items():
            aligner.push(name, stamp_ns, value)
        for stream in self._streams:
            yield build_stream(stream, values[stream.name], stamp_ns)
        action = self._rng.uniform(spec.low, spec.high)
        yield from build_commands(spec, action, stamp_ns)
        own = self._own(aligner.frame(tick, stamp_ns), action)
        for topic in TOPICS.values():
            if topic.recorded:
                yield own[topic.name] if topic.name in own else message_class(topic.type)()

    def _own(self, frame: Frame, action: Vector) -> dict[str, Any]:
        spec, tick, stamp_ns = self._spec, frame.tick, frame.stamp_ns
        members = self._rng.normal(size=(MEMBERS, len(action)))
        proposal = Proposal(frame, 'load', spec.hash, action, action**2, members)
        expert = expert_to_msg(ExpertAction(stamp_ns, action, True, 'load'))
        command = Command(tick, stamp_ns, action, Mode.AUTONOMOUS, Owner.POLICY)
        mode = (Mode.AUTONOMOUS, Owner.POLICY, Cause.START)
        state = GateState(tick, stamp_ns, *mode, episode_id=self._episode_id)
        event = EpisodeEvent(stamp_ns, EventKind.INTERVENTION_BEGAN)
        return {
            'policy/proposal': proposal_to_msg(proposal),
            'teleop/action': expert,
            'sim/supervisor': expert,
            'command': command_to_msg(command, spec.axis_names),
            'gate/status': state_to_msg(state),
            'episode/events': event_to_msg(event),
        }


class Sensors:
    """Every observed stream at every tick, all with one stamp."""

    def __init__(self, node: Any, spec: Spec, rng: np.random.Generator) -> None:
        self._streams, self.rate_hz = spec.observed, spec.robot.rate_hz
        self.publishers = [create_publisher(node, stream_topic(s)) for s in spec.observed]
        self._values = [rng.normal(size=len(s.fields)) for s in spec.observed]

    def messages(self, tick: int, stamp_ns: int) -> Iterable[Any]:
        for stream, values in zip(self._streams, self._values, strict=True):
            yield build_stream(stream, values, stamp_ns)


SOURCES = {'sensors': Sensors, 'joints': Joints, 'camera': Camera, 'ticks': Ticks}


def publish(source: Any, stop: StopFlag) -> dict[str, int]:
    """Publish at the source's rate until told to stop. Returns what was sent, by topic."""
    period_ns = round(NS_PER_S / source.rate_hz)
    due_ns, tick = time.monotonic_ns(), 0
    while not stop.is_set:
        messages = source.messages(tick, time.time_ns())
        for publisher, message in zip(source.publishers, messages, strict=True):
            publisher.publish(message)
        tick += 1
        due_ns += period_ns
        time.sleep(max(due_ns - time.monotonic_ns(), 0) / NS_PER_S)
    return {publisher.topic_name: tick for publisher in source.publishers}


def main() -> None:
    kind, out, task, robot, namespace = sys.argv[1:6]
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    stop = StopFlag()
    node = rclpy.create_node(f'load_{kind}', namespace=namespace)
    source = SOURCES[kind](node, load_spec(task, robot), np.random.default_rng(0))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    write_json(Path(out), publish(source, stop))
    time.sleep(1.0)  # what was sent last has to be fetched from this process's shared memory
    executor.shutdown()
    thread.join()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
