"""Which topic of a bag a name of the spec means: those of one robot, in one namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from il_core.errors import UserError
from il_core.spec import Spec
from il_data.contents import Contents, RawTopic

Wanted = Sequence[tuple[str, str]]  # names as in the spec, and message types


def wanted(spec: Spec) -> Wanted:
    """Return what a plain bag must hold: observed streams and command topics."""
    streams = [(stream.topic, stream.type) for stream in spec.observed]
    return streams + [(command.topic, command.type) for command in spec.robot.commands]


class Names:
    """Finds topics by the names that they have in a spec or in the topic table.

    A relative name stands for the topic in the robot's namespace, an absolute one for itself. What
    our recorder wrote is of one robot: there the namespace may be any, as topics can be remapped.

    Args:
        contents: of the bag.
        wanted: the robot's namespace is the one that has them all.
        scattered: a topic that the namespace lacks may be in another one, where it is the only one
            of its name: nodes of one graph need not share a namespace.

    Raises:
        UserError: several namespaces have them all.
    """

    def __init__(self, contents: Contents, wanted: Wanted, scattered: bool = False) -> None:
        # Files that ROS 2 did not write may have names without the leading slash.
        self._topics = {'/' + full.lstrip('/'): topic for full, topic in contents.topics.items()}
        self._scattered = scattered
        self._space = None if contents.ours else _namespace(self._topics, wanted)

    def find(self, name: str, msgtype: str) -> RawTopic | None:
        """Return the topic of that name and type, None where it is not in the bag."""
        if self._space is None:
            return _anywhere(self._topics, name, msgtype)
        topic = self._topics.get(_full(self._space, name))
        if topic is not None and topic.type == msgtype:
            return topic
        fitting = _fitting(self._topics, name, msgtype) if self._scattered else []
        return fitting[0] if len(fitting) == 1 else None

    def need(self, what: str, name: str, msgtype: str) -> RawTopic:
        """Return the topic of that name and type. Raises UserError where it has no message."""
        topic = self.find(name, msgtype)
        if topic is None or not topic.rows:
            there = [f'{topic.name} ({topic.type})' for topic in self._topics.values()]
            where = f' in {self._space}, the namespace of the others' if self._space else ''
            rule = f'no {msgtype} of that name in the bag{where}'
            raise UserError(f'{what} topic', name, rule, there)
        return topic


def _namespace(topics: Mapping[str, RawTopic], wanted: Wanted) -> str:
    """Return the namespace that has all of `wanted`; where none does, that which has most."""
    has: dict[str, int] = {'': 0}
    for name, msgtype in wanted:
        for full, topic in topics.items():
            if topic.rows and topic.type == msgtype and _relative_in(full, name):
                space = full.removesuffix('/' + name)
                has[space] = has.get(space, 0) + 1
    most = max(has.values())
    best = [space for space, count in has.items() if count == most]
    if len(best) > 1 and most == sum(not name.startswith('/') for name, _ in wanted):
        rule = (
            'must be one: each has every topic that is needed, and an episode is of one robot; '
            'copy those of one: `rosbags-convert --src BAG --dst NEW --include-topic TOPIC ...`'
        )
        raise UserError('namespace', ', '.join(space or '/' for space in sorted(best)), rule)
    return best[0]


def _relative_in(full: str, name: str) -> bool:
    return not name.startswith('/') and full.endswith('/' + name)


def _full(space: str, name: str) -> str:
    return name if name.startswith('/') else f'{space}/{name}'


def _anywhere(topics: Mapping[str, RawTopic], name: str, msgtype: str) -> RawTopic | None:
    """Return the topic `name`, whatever namespace it was recorded in."""
    fitting = _fitting(topics, name, msgtype)
    return min(fitting, key=lambda topic: len(topic.name), default=None)


def _fitting(topics: Mapping[str, RawTopic], name: str, msgtype: str) -> list[RawTopic]:
    """Return the topics `name` of all namespaces."""
    end = '/' + name.lstrip('/')
    return [t for full, t in topics.items() if full.endswith(end) and t.type == msgtype]
