"""What the nodes of the control path have in common: overruns are counted, and garbage is
collected when a tick is over."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from il_core.types import NS_PER_S
from il_ros.beat import Beat
from il_ros.health import Health, Level, NodeFindings
from il_ros.lifecycle import IlNode

COLLECT_EVERY_NS = NS_PER_S
# New objects after which the collector would come by itself: a second of ticks leaves a hundredth.
BACKSTOP = 100_000


class Housekeeper:
    """Collects garbage once a second at the end of a tick, when there is most time for it.

    Where nothing ticks the collector comes by itself, seldom, so that memory stays bounded.
    """

    def __init__(self) -> None:
        gc.set_threshold(BACKSTOP, *gc.get_threshold()[1:])
        self._collected_ns = 0

    def rest(self, now_ns: int) -> None:
        """A tick is over."""
        if now_ns - self._collected_ns >= COLLECT_EVERY_NS:
            self._collected_ns = now_ns
            gc.collect()


class TickingNode(IlNode):
    """Ticks at the period of its spec. `start` of a subclass makes the `beat`; every tick is
    between `begin_tick` and `end_tick`."""

    beat: Beat
    housekeeper: Housekeeper | None = None

    def clock_ns(self) -> int | None:
        """Return ROS time; None in lockstep, which knows no time but the stamps of data."""
        return None if self.lockstep else self.now_ns()

    def begin_tick(self, stamp_ns: int = 0) -> None:
        """`stamp_ns`: of the data that it is about; 0: of none."""
        self.beat.begin(self.steady_ns(), stamp_ns)

    def end_tick(self) -> None:
        now_ns = self.steady_ns()
        self.beat.end(now_ns)
        if self.housekeeper is not None:
            self.housekeeper.rest(now_ns)

    def state_of_health(self) -> Health:
        """A node that is well but for its rate says so."""
        own = super().state_of_health()
        if not self.active or self.lockstep:
            return own
        overruns = self.beat.worth_telling()
        if own.level is not Level.OK or overruns is None:
            return own
        (ticks, missed), node = overruns, self.get_fully_qualified_name()
        found = NodeFindings.OVERRUN(missed=missed, ticks=ticks, node=node)
        return Health.of(found, own.values)

    def overruns(self) -> dict[str, object]:
        """Return what diagnostics say of the period; nothing in lockstep, which has none."""
        return {} if self.lockstep else self.beat.summary()


def settle_memory(nodes: Sequence[IlNode]) -> None:
    """Take what set-up made out of the garbage collector's rounds: with it, a round takes 60 ms.
    Where nodes tick, garbage is collected after the last of them, in the order of the path."""
    gc.collect()
    gc.freeze()
    ticking = [node for node in nodes if isinstance(node, TickingNode)]
    if ticking:
        ticking[-1].housekeeper = Housekeeper()
