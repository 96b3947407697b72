"""The recorder as a plain object: states, what is still missing, and one bag per episode.

It knows no ROS and no clock. `now_ns` is a steady clock, message stamps are what the messages
say, `utc_s` is the system's time. All methods are to be called from one thread.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.structure import plain
from il_core.types import NS_PER_S, Outcome
from il_data.bag import Arrival, BagWriter, Qos, is_open
from il_data.disk import DiskGuard, DiskState, free_bytes
from il_data.manifest import Expected, Manifest, Verdict
from il_data.recording import EVERY_TICK, Recorded, Recording, Settings, State
from il_data.repair import repair
from il_data.shelf import Shelf
from il_data.version import il_version

# Latched messages kept per topic where the publisher offers more.
LATCHED_KEPT = 20


class Recorder:
    """Write one bag per episode.

    Args:
        folder: where the bags go.
        topics: what to record.
        spec: goes into bags and manifests.
        settings: times and limits.
        free: tells the free bytes of a folder.

    Attributes:
        recovered: what `recover` made whole again.
    """

    def __init__(
        self,
        folder: Path,
        topics: Sequence[Recorded],
        spec: Spec,
        settings: Settings | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self.shelf = Shelf(folder)
        self.settings = settings or Settings()
        self.guard = DiskGuard(folder, self.settings.reserve_mb, self.settings.warn_min, free)
        self._topics = {item.topic.name: item for item in topics}
        self._spec = spec
        self._seen_ns: dict[str, int] = {}
        self._kept: dict[str, deque[Arrival]] = {}
        self._last: dict[str, Arrival] = {}
        self._publishers: dict[str, int] = {}
        self._run: Recording | None = None
        self._broken: OSError | None = None
        self.recovered: list[Manifest] = []

    def configure(self, settings: Settings) -> None:
        """Let other times and limits hold from now on."""
        self.settings = settings
        self.guard.configure(settings.reserve_mb, settings.warn_min)

    def state(self, now_ns: int) -> State:
        if self._run is not None:
            return State.CLOSING if self._run.closing_ns else State.RECORDING
        return State.WAITING if self.missing(now_ns) else State.READY

    @property
    def episode_id(self) -> str:
        """The running episode, empty where there is none."""
        return self._run.episode_id if self._run else ''

    @property
    def start_ns(self) -> int:
        """System time at which the running episode was opened, 0 where there is none."""
        return self._run.start_ns if self._run else 0

    def missing(self, now_ns: int) -> tuple[str, ...]:
        """Return the required topics that were not seen lately."""
        fresh_ns = round(self.settings.fresh_s * NS_PER_S)
        return tuple(
            name
            for name, item in self._topics.items()
            if item.expected.required
            and (name not in self._seen_ns or now_ns - self._seen_ns[name] > fresh_ns)
        )

    def arrive(self, name: str, arrival: Arrival, now_ns: int) -> None:
        """Take one message of a recorded topic."""
        self._seen_ns[name] = now_ns
        item = self._topics[name]
        if item.keep:
            depth = min(max(item.topic.qos.depth, 1), LATCHED_KEPT)
            self._kept.setdefault(name, deque(maxlen=depth)).append(arrival)
        elif not item.shared and item.topic.type not in EVERY_TICK:
            self._last[name] = arrival
        run = self._run
        if run is None or self._broken is not None:
            return
        try:
            run.take(name, arrival, now_ns)
            run.bag.flush_if_due(now_ns)
        except OSError as error:
            self._broken = error

    def start(self, seed: int, operator: str, utc_s: float, now_ns: int) -> str:
        """Open a bag. Returns the episode's id.

        Raises:
            UserError: an episode is running, a required topic is missing, the disk is full or
            cannot be written.
        """
        if self._run is not None:
            raise UserError('episode', self._run.episode_id, 'is still being recorded')
        missing = self.missing(now_ns)
        if missing:
            raise UserError('required topics', ', '.join(missing), 'no message yet')
        disk = self.guard.check(0, 0, now_ns)
        if disk.full:
            raise UserError('free disk space', f'{disk.free_bytes / 1e6:.0f} MB', self._rule())
        try:
            self._run = self._opened(seed, operator, round(utc_s * NS_PER_S), now_ns)
        except OSError as error:
            raise UserError('recording', str(self.shelf.folder), f'failed: {error}') from error
        return self._run.episode_id

    def stop(self, outcome: Outcome, reason: str, stamp_ns: int, now_ns: int) -> bool:
        """Begin to close the running episode; `update` finishes it. False where none is running
        or it is being closed already (the first outcome counts).

        Args:
            stamp_ns: ROS time of the end: messages with later header stamps stay out; 0: none
                does.
        """
        run = self._run
        if run is None or run.closing_ns:
            return False
        run.outcome, run.reason, run.until_ns = outcome, reason, stamp_ns
        run.closing_ns = now_ns
        return True

    def update(self, now_ns: int) -> Manifest | None:
        """Flush, guard the disk, finish what is closing. Returns the manifest of an episode that
        has just ended."""
        run = self._run
        if run is None:
            return None
        if self._broken is not None:
            return self.finish()
        if self.disk(now_ns).full and not run.closing_ns:
            run.notes = (*run.notes, 'the disk was full')
            self.stop(Outcome.ABORTED, 'disk full', 0, now_ns)
        if run.closing_ns and run.settled(self.settings, now_ns):
            return self.finish()
        try:
            run.bag.flush_if_due(now_ns)
        except OSError as error:
            self._broken = error
        return None

    def disk(self, now_ns: int) -> DiskState:
        """Return the state of the disk, with the minutes left at the rate of this episode."""
        if self._run is None:
            return self.guard.check(0, 0, now_ns)
        elapsed_ns = now_ns - self._run.began_ns
        return self.guard.check(self._run.bag.bytes_written, elapsed_ns, now_ns)

    def note_offer(self, name: str, publishers: int, qos: Qos) -> None:
        """Say who publishes a topic now, and what the first of them offers.

        The next bag tells `ros2 bag play` that offer; with more than one publisher the loss of
        the running episode is not known.
        """
        item = self._topics[name]
        self._publishers[name] = publishers
        if publishers:
            topic = dataclasses.replace(item.topic, qos=qos)
            self._topics[name] = dataclasses.replace(item, topic=topic)
        if self._run is not None and not item.shared:
            meter = self._run.meters[name]
            meter.publishers = max(meter.publishers, publishers)

    def lost(self) -> dict[str, int]:
        """Return messages lost so far in the running episode, by topic, where any were."""
        meters = self._run.meters.items() if self._run else ()
        return {name: meter.lost for name, meter in meters if meter.lost > 0}

    def require_running(self) -> None:
        """Raise UserError where no episode is being recorded."""
        if self._run is None:
            raise UserError('episode', '', 'none is being recorded')

    def finish(self) -> Manifest:
        """Close the running episode at once and write its manifest.

        Where the disk cannot be written, the manifest says so and is not on the disk: what is
        there of the episode is repaired when the next recorder starts.
        """
        if self._run is None:
            raise UserError('episode', '', 'none is being recorded')
        run, self._run = self._run, None
        broken, self._broken = self._broken, None
        try:
            if broken is not None:
                raise broken
            run.bag.finish()
            done = run.manifest(self._spec, self._expected())
            done.save(run.bag.folder)
            run.bag.close()  # now nobody takes it for one that was cut off
        except OSError as error:
            run.bag.abandon()
            done = run.manifest(self._spec, self._expected())
            reasons = (f'could not be written: {error}', *done.reasons)
            done = dataclasses.replace(
                done, outcome=Outcome.ABORTED, verdict=Verdict.BAD, reasons=reasons
            )
        return done

    def label(self, episode_id: str, outcome: Outcome, reason: str) -> str:
        """Change the outcome of an episode that has ended ('' the last one). Returns its id.

        Raises:
            UserError: there is none, or its manifest cannot be written; with '' also while
                another one runs, as nobody can tell which one is meant.
        """
        run = self._run
        if run is not None and episode_id in ('', run.episode_id):
            if not run.closing_ns:
                last = self.shelf.episodes()[-1:]
                rule = 'is still being recorded; name one that has ended, or stop this one first'
                raise UserError('episode', run.episode_id, rule, last)
            run.outcome, run.reason = outcome, reason
            return run.episode_id
        return self.shelf.label(episode_id, outcome, reason)

    def recover(self) -> list[str]:
        """Repair what an earlier recorder left unfinished. Returns one line per bag."""
        lines = []
        for folder in self.shelf.unfinished():
            if any(is_open(path) for path in folder.glob('*.mcap')):
                continue
            try:
                done = repair(folder)
                self.recovered.append(done)
                lines.append(f'{folder.name}: recovered, {done.verdict.value}: {done.reasons[0]}')
            except (UserError, OSError) as error:
                lines.append(f'{folder.name}: {error}')
        return lines

    def _opened(self, seed: int, operator: str, start_ns: int, now_ns: int) -> Recording:
        """Open the bag of a new episode. Raises OSError."""
        episode_id = self.shelf.new_id(start_ns / NS_PER_S)
        bag = BagWriter(
            self.shelf.folder / episode_id,
            self._note(episode_id, seed, operator, start_ns),
            self.settings.flush_s,
        )
        run = Recording(episode_id, seed, operator, now_ns, bag, start_ns, start_ns)
        run.open_topics(list(self._topics.values()), self._publishers)
        for name, arrivals in self._kept.items():
            for arrival in arrivals:
                run.latched(name, arrival)
        self._lead_in(run)
        return run

    def _lead_in(self, run: Recording) -> None:
        """Write the last message of each topic from just before the start: the tick that becomes
        the episode's first may have begun with them. What the gate says of it comes after."""
        since_ns = run.start_ns - round(self.settings.lead_s * NS_PER_S)
        recent = [item for item in self._last.items() if item[1].log_ns >= since_ns]
        for name, arrival in sorted(recent, key=lambda item: item[1].log_ns):
            run.early(name, arrival)

    def _expected(self) -> list[Expected]:
        return [item.expected for item in self._topics.values()]

    def _rule(self) -> str:
        return f'must be above {self.settings.reserve_mb:g} MB; remove what is not needed'

    def _note(self, episode_id: str, seed: int, operator: str, start_ns: int) -> dict[str, object]:
        return {
            'episode_id': episode_id,
            'seed': seed,
            'operator': operator,
            'start_ns': start_ns,
            'spec_hash': self._spec.hash,
            'spec': plain(self._spec),
            'shared': [n for n, t in self._topics.items() if t.shared],
            'publishers': {n: count for n, count in self._publishers.items() if count > 1},
            'expected': [dataclasses.asdict(item) for item in self._expected()],
            'il_version': il_version(),
        }
