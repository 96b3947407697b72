"""Topics whose messages wait in queues until their owner fetches them; no executor takes them.

An executor looks at every subscription again for every message, which costs more than what the
recorder does with it, and so much that a robot's 1 kHz joint states overflow any queue. Queues
emptied a hundred times a second cost a fraction of that. Stamps are the middleware's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import QoSProfile

from il_ros import offers
from il_ros.lifecycle import IlNode
from il_ros.topics import Topic, profile


@dataclass(frozen=True)
class Offer:
    """Who publishes a topic: how many, and what the first of them offers (reliable, latched,
    depth); what the table says where there is none."""

    name: str
    publishers: int
    terms: tuple[bool, bool, int]


class Untouched(CallbackGroup):
    """Keeps executors away from what is in it."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing ever began."""


class Queues:
    """A subscription per topic, with the strictest QoS that every publisher meets.

    Args:
        node: subscribes.
        topics: full name to topic.
        depth: messages kept per topic.
    """

    def __init__(self, node: IlNode, topics: Mapping[str, Topic], depth: int) -> None:
        self._node, self._topics, self._depth = node, topics, depth
        self._group = Untouched()
        self._made = {name: self._subscribe(name, self._wanted(name)) for name in topics}

    def drain(self) -> Iterator[tuple[str, bytes, Mapping[str, Any]]]:
        """Yield what has come, topic by topic: name, bytes and MessageInfo."""
        for name in self._topics:
            yield from self._drain(name)

    def renew(self, name: str) -> list[tuple[str, bytes, Mapping[str, Any]]]:
        """Subscribe anew, after the present offer. Returns what was still in the old queue."""
        rest = list(self._drain(name))
        self._node.unsubscribe(self._made.pop(name)[1])
        self._made[name] = self._subscribe(name, self._wanted(name))
        return rest

    def outdated(self) -> list[str]:
        """Return the topics whose publishers offer something else than was asked for."""
        made = self._made.items()
        return [n for n, (asked, _) in made if not offers.same(self._wanted(n), asked)]

    def offers(self) -> Iterator[Offer]:
        """Yield who publishes what now."""
        for name in self._topics:
            found = offers.offers_of(self._node, name)
            yield Offer(name, len(found), offers.terms((found or [self._wanted(name)])[0]))

    def close(self) -> None:
        """Give the subscriptions up, with what is in them."""
        while self._made:
            self._node.unsubscribe(self._made.popitem()[1][1])

    def _wanted(self, name: str) -> QoSProfile:
        fallback = profile(self._topics[name], self._node.lockstep)
        return offers.follow(offers.offers_of(self._node, name), fallback, self._depth)

    def _subscribe(self, name: str, qos: QoSProfile) -> tuple[QoSProfile, Any]:
        topic = self._topics[name]
        return qos, self._node.subscribe(topic, _never, raw=True, qos=qos, group=self._group)

    def _drain(self, name: str) -> Iterator[tuple[str, bytes, Mapping[str, Any]]]:
        made = self._made[name][1]
        with made.handle:
            for _ in range(self._depth):
                taken = made.handle.take_message(made.msg_type, made.raw)
                if taken is None:
                    return
                yield name, *taken


def _never(message: Any) -> None:
    """No executor calls this."""
