"""How nodes reach each other: over the wire, or within one process by the shortest way."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from il_ros import topics
from il_ros.topics import Topic

Take = Callable[[Any], None]


class Wire:
    """Publishers and subscriptions of rclpy, for nodes in processes of their own."""

    def publisher(self, node: Node, topic: Topic, lockstep: bool = False) -> Any:
        return topics.create_publisher(node, topic, lockstep)

    def subscription(self, node: Node, topic: Topic, take: Take, **options: Any) -> Any:
        return topics.create_subscription(node, topic, take, **options)

    def together(self) -> AbstractContextManager[None]:
        """Messages published in here may wait for the end."""
        return nullcontext()

    def destroy_publisher(self, node: Node, made: Any) -> None:
        node.destroy_publisher(made)

    def destroy_subscription(self, node: Node, made: Any) -> None:
        node.destroy_subscription(made)


WIRE = Wire()


class Exchange(Wire):
    """Hands messages over between nodes on one thread, and publishes them for everybody else.

    A reader hears the wire as long as no node here writes its topic. The callbacks of a message
    run before the call that published it returns, one after the other and never one inside
    another; what is published meanwhile goes on the wire when all of them are done.
    """

    def __init__(self) -> None:
        self._writers: dict[str, int] = defaultdict(int)
        self._readers: dict[str, list[Reader]] = defaultdict(list)
        self._here: deque[tuple[Take, Any]] = deque()
        self._out: deque[tuple[Publisher, Any]] = deque()
        self._passing = False

    def publisher(self, node: Node, topic: Topic, lockstep: bool = False) -> Writer:
        made = super().publisher(node, topic, lockstep)
        self._writers[made.topic_name] += 1
        readers = self._readers[made.topic_name]
        for reader in readers:
            reader.deafen()
        return Writer(self, made, readers)

    def subscription(self, node: Node, topic: Topic, take: Take, **options: Any) -> Reader:
        name = node.resolve_topic_name(topic.name)

        def listen() -> Any:
            return super(Exchange, self).subscription(node, topic, take, **options)

        reader = Reader(node, name, take, listen)
        if not self._writers[name]:
            reader.listen()
        self._readers[name].append(reader)
        return reader

    def destroy_publisher(self, node: Node, made: Writer) -> None:
        super().destroy_publisher(node, made.wire)
        self._writers[made.topic_name] -= 1
        if not self._writers[made.topic_name]:
            for reader in self._readers[made.topic_name]:
                reader.listen()

    def destroy_subscription(self, node: Node, made: Reader) -> None:
        self._readers[made.topic_name].remove(made)
        made.deafen()

    def hand_over(self, message: Any, readers: list[Reader], wire: Publisher) -> None:
        """Give a message to the readers here, then to the wire."""
        self._here.extend((reader.take, message) for reader in readers)
        self._out.append((wire, message))
        if not self._passing:
            with self.together():
                pass

    @contextmanager
    def together(self) -> Iterator[None]:
        outer, self._passing = self._passing, True
        try:
            yield
            if not outer:
                self._pass_on()
        finally:
            self._passing = outer

    def _pass_on(self) -> None:
        while self._here or self._out:
            if self._here:
                take, what = self._here.popleft()
                take(what)
            else:
                wire, message = self._out.popleft()
                wire.publish(message)


class Writer:
    """What an exchange gives a node to publish with; `wire`: the publisher for everybody else."""

    def __init__(self, exchange: Exchange, wire: Publisher, readers: list[Reader]) -> None:
        self._exchange, self.wire, self._readers = exchange, wire, readers
        self.topic_name = wire.topic_name

    def publish(self, message: Any) -> None:
        self._exchange.hand_over(message, self._readers, self.wire)

    def wait_for_all_acked(self, timeout: Any) -> bool:
        return bool(self.wire.wait_for_all_acked(timeout))


class Reader:
    """A node that hears a topic: messages from a writer of the exchange, or by `listen` what comes
    on the wire (bytes where it asked for raw ones)."""

    def __init__(self, node: Node, topic_name: str, take: Take, listen: Callable[[], Any]) -> None:
        self.topic_name, self.take = topic_name, take
        self._node, self._listen = node, listen
        self._wire: Subscription | None = None

    def listen(self) -> None:
        """Hear the wire."""
        self._wire = self._listen()

    def deafen(self) -> None:
        """Hear the wire no more."""
        if self._wire is not None:
            self._node.destroy_subscription(self._wire)
            self._wire = None
