"""The one table of topics: name, type, quality of service, rate, recorded or not."""

from __future__ import annotations

import dataclasses
import enum
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from il_core.spec import CommandTopic, Spec, Stream

# Messages kept per topic in lockstep: more than can be on their way at once.
LOCKSTEP_DEPTH = 64
# Messages a publisher keeps for a reliable reader that is held up, such as the recorder. A reader
# that wants the latest only keeps one itself.
PUBLISHED_DEPTH = 64


class Qos(enum.Enum):
    """Kinds of quality of service, as (reliable, latched, depth)."""

    SENSOR = (False, False, 5)
    LATEST = (True, False, 1)
    QUEUE = (True, False, 10)
    LATCHED = (True, True, 1)
    EVENTS = (True, True, 100)


@dataclass(frozen=True)
class Topic:
    """One topic. `rate` in words or Hz; `required`: an episode does not start before it was
    seen; `direct`: nodes of one process hand it over without the wire (one of them writes it)."""

    name: str
    type: str
    qos: Qos
    rate: str = ''
    recorded: bool = True
    required: bool = False
    direct: bool = False


# What `qos_overrides.TOPIC.publisher.*` and `.subscription.*` may change: as rclpy has it, and
# whether messages are latched.
OVERRIDES = QoSOverridingOptions(
    [*QoSOverridingOptions.with_default_policies().policy_kinds, QoSPolicyKind.DURABILITY]
)

_IL = 'interactive_il/msg/'
TOPICS: dict[str, Topic] = {
    t.name: t
    for t in (
        Topic('joy', 'sensor_msgs/msg/Joy', Qos.QUEUE, '20 Hz or more'),
        Topic('joy/set_feedback', 'sensor_msgs/msg/JoyFeedback', Qos.QUEUE, 'on change', False),
        Topic('policy/proposal', _IL + 'Proposal', Qos.LATEST, 'tick', required=True, direct=True),
        Topic('teleop/action', _IL + 'ExpertAction', Qos.LATEST, 'tick or more', direct=True),
        Topic(
            'teleop/alarm',
            'diagnostic_msgs/msg/DiagnosticStatus',
            Qos.LATCHED,
            'on change',
            False,
        ),
        Topic('command', _IL + 'Command', Qos.QUEUE, 'tick', required=True, direct=True),
        Topic('gate/status', _IL + 'GateStatus', Qos.LATCHED, 'tick and on change', required=True),
        Topic('episode/events', _IL + 'EpisodeEvent', Qos.EVENTS, 'on event'),
        Topic('jobs', _IL + 'Job', Qos.LATCHED, 'on change', False),
        Topic('sim/supervisor', _IL + 'ExpertAction', Qos.LATEST, 'tick', direct=True),
        Topic('diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', Qos.QUEUE, '1 Hz'),
        Topic('/clock', 'rosgraph_msgs/msg/Clock', Qos.LATEST, 'simulation step'),
    )
}


def stream_topic(stream: Stream) -> Topic:
    """Return the topic of a stream of the spec."""
    qos = Qos.SENSOR if stream.sensor else Qos.LATEST
    rate = f'{stream.rate_hz:g} Hz' if stream.rate_hz else 'tick'
    return Topic(stream.topic, stream.type, qos, rate, required=not stream.optional, direct=True)


def command_topic(command: CommandTopic) -> Topic:
    """Return the topic of a command of the robot."""
    return Topic(command.topic, command.type, Qos.LATEST, 'tick', direct=True)


def topics(spec: Spec) -> tuple[Topic, ...]:
    """Return every topic of a graph with this spec: streams, commands, then the fixed table."""
    of_spec = [stream_topic(s) for s in spec.streams]
    of_spec += [command_topic(c) for c in spec.robot.commands]
    return (*of_spec, *TOPICS.values())


def message_class(name: str) -> Any:
    """Return the class behind a ROS type name such as `sensor_msgs/msg/Joy`."""
    package, kind, cls = name.split('/')
    return getattr(importlib.import_module(f'{package}.{kind}'), cls)


def profile(topic: Topic, lockstep: bool = False, depth: int = 0) -> QoSProfile:
    """Return the QoS of `topic`; in lockstep everything is reliable and nothing is overwritten."""
    reliable, latched, own_depth = topic.qos.value
    if lockstep:
        reliable, own_depth = True, max(own_depth, LOCKSTEP_DEPTH)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=max(depth, own_depth),
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def create_publisher(node: Node, topic: Topic, lockstep: bool = False) -> Publisher:
    """Return a publisher of `topic`, whose QoS parameters `qos_overrides.*` may change."""
    made: list[Publisher] = []

    reliable, latched, _ = topic.qos.value
    depth = PUBLISHED_DEPTH if reliable and not latched else 0

    def incompatible(event: Any) -> None:
        others = node.get_subscriptions_info_by_topic(made[0].topic_name)
        _log_incompatible(node, made[0].topic_name, event, made[0].qos_profile, others)

    made.append(
        node.create_publisher(
            message_class(topic.type),
            topic.name,
            profile(topic, lockstep, depth),
            event_callbacks=PublisherEventCallbacks(incompatible_qos=incompatible),
            qos_overriding_options=OVERRIDES,
        )
    )
    return made[0]


def create_subscription(
    node: Node,
    topic: Topic,
    callback: Callable[[Any], None],
    *,
    lockstep: bool = False,
    depth: int = 0,
    raw: bool = False,
    qos: QoSProfile | None = None,
    group: CallbackGroup | None = None,
) -> Subscription:
    """Return a subscription to `topic`; `depth` raises the queue above the table's, `qos`
    replaces it and no parameter overrides it."""
    made: list[Subscription] = []

    def incompatible(event: Any) -> None:
        others = node.get_publishers_info_by_topic(made[0].topic_name)
        _log_incompatible(node, made[0].topic_name, event, made[0].qos_profile, others)

    made.append(
        node.create_subscription(
            message_class(topic.type),
            topic.name,
            callback,
            qos or profile(topic, lockstep, depth),
            raw=raw,
            callback_group=group,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=incompatible),
            qos_overriding_options=None if qos else OVERRIDES,
        )
    )
    return made[0]


def type_clashes(node: Node, names: list[str]) -> list[str]:
    """Return one line per topic (full name) that carries more than one type: nothing would
    arrive."""
    known = dict(node.get_topic_names_and_types())
    return [
        f'{name} carries {" and ".join(known[name])}'
        for name in names
        if len(known.get(name, ())) > 1
    ]


def as_recorded(topic: Topic, name: str) -> Topic:
    """Return `topic` under another name (namespaces, remaps)."""
    return dataclasses.replace(topic, name=name)


def _log_incompatible(
    node: Node, name: str, event: Any, ours: QoSProfile, others: list[Any]
) -> None:
    theirs = '; '.join(f'{o.node_name}: {_words(o.qos_profile)}' for o in others)
    node.get_logger().warning(
        f'{name}: incompatible QoS ({qos_policy_name_from_kind(event.last_policy_kind)}): '
        f'ours {_words(ours)}; theirs {theirs or "unknown"}'
    )


def _words(qos: QoSProfile) -> str:
    depth = f', depth {qos.depth}' if qos.depth else ''
    return f'{qos.reliability.name}, {qos.durability.name}{depth}'
