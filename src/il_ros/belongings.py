"""What the set-up of a node made and its cleanup destroys."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from il_ros.answering import offer
from il_ros.exchange import WIRE, Wire
from il_ros.topics import TOPICS, Topic


class Belongings:
    """Publishers, subscriptions and services of a node.

    Args:
        exchange: how the node reaches others on topics that may be handed over directly. In
            lockstep everything goes over the wire: a tick that called the next would never end.
    """

    def __init__(self, node: Node, exchange: Wire) -> None:
        self._node, self._exchange = node, exchange
        self._made: list[tuple[Callable[[Any], Any], Any]] = []

    @property
    def topics(self) -> list[str]:
        """Full names, one per publisher and subscription."""
        return [made.topic_name for _, made in self._made if hasattr(made, 'topic_name')]

    def publisher(self, topic: Topic | str, lockstep: bool) -> Any:
        way, topic = self._way(topic, lockstep)
        made = way.publisher(self._node, topic, lockstep)
        return self._kept(functools.partial(way.destroy_publisher, self._node), made)

    def subscription(
        self, topic: Topic | str, take: Callable[[Any], None], lockstep: bool, **options: Any
    ) -> Any:
        way, topic = self._way(topic, lockstep)
        made = way.subscription(self._node, topic, take, lockstep=lockstep, **options)
        return self._kept(functools.partial(way.destroy_subscription, self._node), made)

    def service(self, kind: Any, name: str, answer: Callable[[Any, Any], Any]) -> Any:
        return self._kept(self._node.destroy_service, offer(self._node, kind, name, answer))

    def give_up(self, made: Any) -> None:
        """Destroy one of them now."""
        at = [mine is made for _, mine in self._made].index(True)
        destroy, _ = self._made.pop(at)
        destroy(made)

    def release(self) -> None:
        """Destroy all of them, the newest first."""
        while self._made:
            destroy, made = self._made.pop()
            destroy(made)

    def _way(self, topic: Topic | str, lockstep: bool) -> tuple[Wire, Topic]:
        topic = TOPICS[topic] if isinstance(topic, str) else topic
        return (self._exchange if topic.direct and not lockstep else WIRE), topic

    def _kept(self, destroy: Callable[[Any], Any], made: Any) -> Any:
        self._made.append((destroy, made))
        return made
