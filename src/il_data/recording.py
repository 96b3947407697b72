"""What the recorder is told, and the episode that it is writing."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from il_core.spec import Spec
from il_core.structure import plain
from il_core.types import NS_PER_S, Outcome
from il_data.bag import Arrival, BagWriter, Topic
from il_data.driven import driven, useless
from il_data.manifest import Expected, Manifest, judge
from il_data.meter import Meter
from il_data.own_types import COMMAND, STATUS
from il_data.proposals import PROPOSAL, ids_of
from il_data.schema import definition
from il_data.skew import skew_note
from il_data.version import il_version

QUIET_LOOKS = 3
# The gate publishes both with the same stamp at every tick.
EVERY_TICK = (COMMAND, STATUS)
GONE = 'the gate was gone at the end'


class State(enum.Enum):
    """WAITING for required topics, READY to start, RECORDING, CLOSING (what is still on its way
    comes in)."""

    WAITING = 'waiting'
    READY = 'ready'
    RECORDING = 'recording'
    CLOSING = 'closing'


@dataclass(frozen=True)
class Recorded:
    """One topic to record. `keep`: latched messages from before the start belong into every
    bag. `shared`: several publishers are normal."""

    topic: Topic
    expected: Expected
    keep: bool = False
    shared: bool = False


@dataclass(frozen=True)
class Settings:
    """Times in seconds: `fresh_s` how recently a required topic must have been seen to start;
    `lead_s` how old the last message of a topic may be to go into a bag that is opened now; after
    the outcome, recording goes on until nothing from before it came for `quiet_s`
    (`lag_s` where a required topic ends before the gate's last command and status: what was lost
    on the way is sent again at the next heartbeat, every 3 s in Fast DDS), at most for
    `settle_s`."""

    fresh_s: float = 2.0
    lead_s: float = 1.0
    quiet_s: float = 0.03
    lag_s: float = 3.5
    settle_s: float = 10.0
    flush_s: float = 0.4
    reserve_mb: float = 500.0
    warn_min: float = 10.0


@dataclass
class Recording:
    """The episode that is being recorded."""

    episode_id: str
    seed: int
    operator: str
    began_ns: int  # steady
    bag: BagWriter
    start_ns: int  # receive stamps, as end_ns
    end_ns: int = 0
    meters: dict[str, Meter] = dataclasses.field(default_factory=dict)
    outcome: Outcome = Outcome.UNKNOWN
    reason: str = ''
    until_ns: int = 0  # header stamps after this do not belong to it; 0: no limit
    closing_ns: int = 0
    last_ns: int = 0
    quiet_looks: int = 0
    proposal: bytes = b''
    newest: bytes = b''
    driven: bool = False
    notes: tuple[str, ...] = ()
    required: set[str] = dataclasses.field(default_factory=set)

    def open_topics(self, items: Sequence[Recorded], publishers: Mapping[str, int]) -> None:
        """Register the topics and begin to count; `publishers`: how many, where it is known."""
        for item in items:
            name, kind = item.topic.name, item.topic.type
            self.bag.add_topic(item.topic)
            meter = self.meters[name] = Meter(name, kind, definition(kind).text, item.shared)
            if item.expected.required:
                self.required.add(name)
            if not item.shared:
                meter.publishers = max(1, publishers.get(name, 1))

    def latched(self, name: str, arrival: Arrival) -> None:
        """Write a message from before the start, stamped as received at the start."""
        self.early(name, dataclasses.replace(arrival, log_ns=self.start_ns))

    def early(self, name: str, arrival: Arrival) -> None:
        """Write a message from before the start."""
        self.bag.write(name, arrival)
        self.meters[name].early += 1

    def take(self, name: str, arrival: Arrival, now_ns: int) -> None:
        """Write one message, unless the episode is closing and it is from after its end."""
        meter = self.meters[name]
        if self.closing_ns and meter.stamped and meter.stamp_ns(arrival) > self.until_ns > 0:
            meter.leave_out(arrival)
            return
        meter.add(arrival)
        self.bag.write(name, arrival)
        if meter.stamped:
            self.last_ns, self.quiet_looks = now_ns, 0
        self.end_ns = max(self.end_ns, arrival.log_ns)
        if meter.type == PROPOSAL:
            self.newest = arrival.data
            if not self.driven:  # until somebody acts the policy may be swapped
                self.proposal = arrival.data
        elif meter.type == STATUS and not self.driven:
            self.driven = driven(arrival.data, self.episode_id)

    def settled(self, settings: Settings, now_ns: int) -> bool:
        """True where nothing more is to be expected after the outcome.

        Called again and again. Silence must last over several calls: a process that was held up
        sees time pass before it sees the messages that have come meanwhile.
        """
        self.quiet_looks += 1
        if now_ns - self.closing_ns >= settings.settle_s * NS_PER_S or not self.until_ns:
            if self.until_ns:
                late = (
                    f'closed after {settings.settle_s:g} s while messages from before still came'
                )
                self.notes = (*self.notes, late)
            return True
        quiet_s = (now_ns - max(self.last_ns, self.closing_ns)) / NS_PER_S
        enough_s = settings.quiet_s if self._together() else settings.lag_s
        return quiet_s >= enough_s and self.quiet_looks >= QUIET_LOOKS

    def _together(self) -> bool:
        """True where the topics that the gate publishes at every tick end at the same tick, and
        no required topic before it."""
        return len(self._ends()) <= 1 and not self._silent_ns()

    def _ends(self) -> set[int]:
        return {m.last_ns for m in self.meters.values() if m.type in EVERY_TICK}

    def _silent_ns(self) -> dict[str, int]:
        """Return how long before the gate's last tick required topics ended, where any did."""
        end_ns = max(self._ends(), default=0)
        silent = {name: self.meters[name].silent_ns(end_ns) for name in self.required}
        return {name: ns for name, ns in silent.items() if ns}

    def _gone_s(self, want: Expected) -> float:
        """Return for how long before the end no command came, where that is longer than a gap
        may be; 0 otherwise. Then nobody had the robot, and what was said of it is from before."""
        meter = self.meters[want.name]
        if meter.type != COMMAND or not meter.count or not self.until_ns:
            return 0.0
        gone_s = (self.until_ns - meter.last_ns) / NS_PER_S
        return gone_s if 0 < want.gap_s < gone_s else 0.0

    def manifest(self, spec: Spec, expected: Sequence[Expected]) -> Manifest:
        """Sum up the episode."""
        stats = tuple(meter.stats() for meter in self.meters.values())
        checkpoint_id, spec_hash, problem = ids_of(self.proposal)
        notes = (*self.notes, problem) if problem else self.notes
        if spec_hash not in ('', spec.hash):
            notes = (
                *notes,
                f'the proposals are of spec {spec_hash}, the recorder has {spec.hash}',
            )
        last_id = ids_of(self.newest).checkpoint_id
        if last_id != checkpoint_id:
            changed = f'checkpoint {checkpoint_id or "none"} at first, {last_id or "none"} at last'
            notes = (*notes, f'the policy was swapped while it ran: {changed}')
        silent_s = {name: ns / NS_PER_S for name, ns in self._silent_ns().items()}
        for want in expected:
            if silent_s.get(want.name, 0.0) > want.gap_s:
                notes = (*notes, f'{want.name}: nothing of its last {silent_s[want.name]:.3f} s')
            if (gone_s := self._gone_s(want)) > 0:
                notes = (*notes, f'{want.name}: none in the last {gone_s:.3f} s: {GONE}')
        if skewed := skew_note(self.meters.values(), spec):
            notes = (*notes, skewed)
        verdict, reasons = judge(stats, expected, notes, useless(self.driven, self.reason))
        return Manifest(
            self.episode_id,
            self.outcome,
            self.reason,
            self.operator,
            self.seed,
            self.start_ns,
            self.end_ns,
            verdict,
            reasons,
            stats,
            spec.hash,
            checkpoint_id,
            il_version=il_version(),
            spec=plain(spec),
        )
