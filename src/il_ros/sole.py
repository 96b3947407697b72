"""A topic that may have one writer only: find the others, and do not be the second."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from il_core.errors import UserError
from il_ros.lock_file import LockFile

# A node that has just appeared hears of the others within so long after it has heard of the first,
# and gives up waiting for a first one after so long.
DISCOVERY_S = 1.5
ALONE_S = 3.0
LOOK_S = 0.1
MARK, PEER = 'gate/status', 'policy/proposal'
UNKNOWN = 'a node without a name yet'
# A writer that is younger than this was not there first; discovery may have been slow.
YOUNG_S = 8.0


class SoleWriter:
    """Watches topics that `node` alone may write to.

    A lock keeps a second one on the same machine away for certain, however slow discovery is; on
    another machine only discovery tells.

    Args:
        node: has no publisher on the topics yet: whoever is found now was there before.
        topics: names as the node would publish them.
        mark: a topic that only nodes of the same kind publish; as it stands: a gate.
        peer: a topic that another node of the graph publishes: once it is heard of, the others
            soon are.

    Raises:
        UserError: somebody writes to one of the topics.

    Attributes:
        rival: who else writes where, as of the last look; empty where nobody does.
        speaks: the node may write: since `begin`, and not after it had to give way.
        file: the lock; what is written there is found by the next one on this machine.
    """

    def __init__(
        self, node: Any, topics: Sequence[str], mark: str = MARK, peer: str = PEER
    ) -> None:
        self._node, self._since_s = node, time.monotonic()
        self._topics = [node.resolve_topic_name(topic) for topic in topics]
        self.file = _lock(f'{node.context.get_domain_id()} {" ".join(self._topics)}')
        self._mark = node.resolve_topic_name(mark)
        self.rival, self.speaks = '', False
        try:
            self._wait(node.resolve_topic_name(peer))
            self._refuse(own=0)
        except UserError:
            self.close()
            raise

    def begin(self) -> None:
        """The node has its publishers and is about to write. Raises UserError where somebody else
        has them, too."""
        self._since_s, self.rival, self.speaks = time.monotonic(), '', False
        self._refuse(own=1)
        self.speaks = True

    def look(self) -> None:
        """Look again. A new node gives way to another of its kind: it says nothing more, not even
        a last word, and its process ends."""
        self.file.touch()
        self.rival = self._find(own=1)
        old = time.monotonic() - self._since_s > YOUNG_S
        if not self.rival or old or self._node.count_publishers(self._mark) < 2:
            return
        self.speaks = False
        self._node.complain(UserError('writers of the command', self.rival, 'were there first'))
        self._node.request_exit(2)

    def close(self) -> None:
        """Let another node be the one. Safe to call twice."""
        self.speaks = False
        self.file.close()

    def _wait(self, peer: str) -> None:
        """Wait for discovery: it takes long where the machine is busy."""
        first_s = None
        while not self._named():
            now_s = time.monotonic()
            if first_s is None and self._node.count_publishers(peer):
                first_s = now_s
            known = first_s is not None and now_s - first_s > DISCOVERY_S
            if known or now_s - self._since_s > ALONE_S:
                return
            time.sleep(0.02)

    def _named(self) -> bool:
        """A writer is there, and its name has been heard of, too."""
        rival = self._find(own=0)
        return bool(rival) and UNKNOWN not in rival

    def _refuse(self, own: int) -> None:
        rival = self._find(own)
        if rival:
            raise UserError('writers of the command', rival, 'only one gate may; end the other')

    def _find(self, own: int) -> str:
        crowded = [name for name in self._topics if self._node.count_publishers(name) > own]
        return ', '.join(f'{name} by {self._others(name, own)}' for name in crowded)

    def _others(self, topic: str, own: int) -> str:
        infos = self._node.get_publishers_info_by_topic(topic)
        names = [f'{i.node_namespace.rstrip("/")}/{i.node_name}' for i in infos]
        names = [UNKNOWN if '_UNKNOWN_' in name else name for name in names]
        if own and self._node.get_fully_qualified_name() in names:
            names.remove(self._node.get_fully_qualified_name())
        return ' and '.join(sorted(set(names))) or UNKNOWN


def _lock(what: str) -> LockFile:
    try:
        return LockFile(what)
    except BlockingIOError as error:
        rule = 'only one gate may write them; end the other'
        raise UserError('writers of the command', 'another gate on this machine', rule) from error
