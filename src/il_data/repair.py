"""Recover bags that were never finished: what is readable becomes a whole bag again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from il_core.errors import UserError
from il_core.types import EventKind, Outcome
from il_data.bag import METADATA, BagWriter, Qos, Topic, is_open
from il_data.contents import Contents, RawTopic, mcap_chunks
from il_data.driven import driven, useless
from il_data.manifest import FILE, Expected, Manifest, judge, load, spec_of
from il_data.meter import Meter
from il_data.own_types import EVENT, STATUS
from il_data.plan import is_shared
from il_data.proposals import PROPOSAL, Ids, ids_of
from il_data.schema import Definition
from il_data.shelf import UNREADABLE, put_away
from il_data.skew import skew_note
from il_data.table import Table
from il_data.version import il_version


def repair(folder: Path) -> Manifest:
    """Rewrite an unfinished or damaged MCAP bag from its readable part, and give it a manifest.

    The verdict is SUSPECT or worse, with 'recovered' among the reasons. Outcome and reason of a
    manifest that is intact stay. The old file is replaced by rename, after the new one is whole;
    when it is killed before, the bag is unfinished or damaged as it was.
    A bag of ours without any message is put away (`.unreadable` beside it).

    Raises:
        UserError: no MCAP file there, a recorder still writes it, nothing in it is readable, or
            the disk is full.
    """
    folder = Path(os.path.abspath(folder))  # '.' has no name, and nothing lies beside it
    path = mcap_file(folder)
    if is_open(path):
        raise UserError('bag', str(folder), 'is being recorded right now; stop the episode first')
    salvage = _Salvage(path)
    try:
        for contents in mcap_chunks(path):
            salvage.take(contents)
        rewritten = salvage.finish()
    except OSError as error:
        salvage.remove()
        raise UserError('bag', str(folder), f'cannot be repaired: {error}') from error
    if rewritten is None:
        rule = f'holds no readable message ({contents.damage or "it is empty"})'
        if contents.ours or not path.stat().st_size:
            rule += f'; moved to {put_away(folder, UNREADABLE)}'
        raise UserError('bag', str(folder), rule)
    done = _manifest(folder, contents, salvage)
    if (folder / FILE).exists():
        done.save(folder)  # or the old one would speak for the new file after a kill
    (rewritten.folder / METADATA).replace(folder / METADATA)
    rewritten.path.replace(path)
    done.save(folder)
    shutil.rmtree(rewritten.folder.parent)
    return done


def mcap_file(folder: Path) -> Path:
    """Return the one MCAP file of a bag. Raises UserError where there is none or more."""
    found = sorted(folder.glob('*.mcap')) if folder.is_dir() else []
    if len(found) != 1:
        raise UserError('bag', str(folder), f'must hold one .mcap file, has {len(found)}')
    return found[0]


class _Salvage:
    """Write what is readable of a bag to a hidden folder of the same name beside it, chunk by
    chunk, and count it.

    Attributes:
        meters: by topic. `events`: the episode's, whole. `ids`: checkpoint and spec, of a proposal
            from when somebody first had the robot. `driven`: somebody had it, or no gate was there
            to say so.
        start_ns, end_ns: receive stamps.
    """

    def __init__(self, path: Path) -> None:
        folder, self._file = path.parent, path.name
        self._aside = folder.parent / f'.{folder.name}.repair'
        if self._aside.exists():
            shutil.rmtree(self._aside)
        self._name = folder.name
        self._bag: BagWriter | None = None
        self.meters: dict[str, Meter] = {}
        self.events: RawTopic | None = None
        self.ids = Ids()
        self.driven = True
        self.start_ns, self.end_ns = 0, 0

    def take(self, contents: Contents) -> None:
        """Write and count what was read of a chunk."""
        if self._bag is None:
            if not contents.count:
                return  # the note stands before the first message
            aside = self._aside / self._name
            note, library = contents.note, contents.library
            self._bag = BagWriter(aside, note, library=library, file=self._file)
        for topic in contents.topics.values():
            if topic.name not in self.meters:
                self._add(self._bag, topic, contents.note)
            self._look(topic, contents.note.get('episode_id', ''))
        rows = [(t.name, arrival) for t in contents.topics.values() for arrival in t.arrivals]
        for name, arrival in sorted(rows, key=lambda row: row[1].log_ns):
            self._bag.write(name, arrival)
            self.meters[name].add(arrival)
            self.start_ns = min(self.start_ns or arrival.log_ns, arrival.log_ns)
            self.end_ns = max(self.end_ns, arrival.log_ns)

    def finish(self) -> BagWriter | None:
        """Make the new bag whole; None where there was nothing to write."""
        if self._bag is not None:
            self._bag.close()
        return self._bag

    def remove(self) -> None:
        """Leave nothing behind: what is cut short would only fill the disk."""
        if self._bag is not None:
            self._bag.abandon()
        shutil.rmtree(self._aside, ignore_errors=True)

    def _add(self, bag: BagWriter, topic: RawTopic, note: Mapping[str, Any]) -> None:
        qos = Qos.parse(topic.metadata.get('offered_qos_profiles', ''))
        known = Definition(topic.type, topic.schema, topic.metadata.get('topic_type_hash', ''))
        bag.add_topic(Topic(topic.name, topic.type, qos), known)
        shared = topic.name in note['shared'] if 'shared' in note else is_shared(topic.name)
        meter = self.meters[topic.name] = Meter(topic.name, topic.type, topic.schema, shared)
        self.driven &= topic.type != STATUS
        meter.publishers = note.get('publishers', {}).get(topic.name, 1)

    def _look(self, topic: RawTopic, episode_id: str) -> None:
        """Keep what the manifest says of the episode."""
        if topic.type == PROPOSAL and topic.rows and (self.ids == Ids() or not self.driven):
            self.ids = ids_of(topic.rows[-1][3], topic.schema)
        if topic.type == STATUS and not self.driven:
            told = (driven(row[3], episode_id, topic.schema) for row in topic.rows)
            self.driven = any(told)
        if topic.type == EVENT:
            kept = self.events = self.events or RawTopic(topic.name, topic.type, topic.schema)
            kept.rows += topic.rows if kept.name == topic.name else []


def _manifest(folder: Path, contents: Contents, salvage: _Salvage) -> Manifest:
    note = contents.note
    stats = [meter.stats() for meter in salvage.meters.values()]
    expected = [Expected(**item) for item in note.get('expected', [])]
    why = contents.damage or 'it was closed without a manifest'
    spec = spec_of(Manifest(folder.name, spec=note.get('spec', {})))
    skewed = skew_note(salvage.meters.values(), spec) if spec else ''
    checkpoint_id, spec_hash, problem = salvage.ids
    notes = filter(None, (f'recovered: {why}', problem, skewed))
    outcome, reason = _outcome(folder, salvage.events)
    why_useless = useless(salvage.driven, reason)
    why_useless += ', in what is left of it' if why_useless else ''
    verdict, reasons = judge(stats, expected, tuple(notes), why_useless)
    return Manifest(
        episode_id=folder.name,
        outcome=outcome,
        reason=reason,
        operator=note.get('operator', ''),
        seed=note.get('seed', 0),
        start_ns=salvage.start_ns,
        end_ns=salvage.end_ns,
        verdict=verdict,
        reasons=reasons,
        topics=tuple(stats),
        spec_hash=note.get('spec_hash', spec_hash),
        checkpoint_id=checkpoint_id,
        recovered=True,
        il_version=il_version(),
        spec=note.get('spec', {}),
    )


def _outcome(folder: Path, events: RawTopic | None) -> tuple[Outcome, str]:
    """Return outcome and reason: the manifest's, as services and labels are in no message; where
    there is none, what was said before the recording broke off."""
    try:
        known = load(folder)
    except UserError:
        return _said(events)
    return known.outcome, known.reason


def _said(events: RawTopic | None) -> tuple[Outcome, str]:
    """Return the first outcome among the messages, and its reason."""
    table = Table(events)
    for row in np.flatnonzero(table.numbers('kind', 'u1') == EventKind.OUTCOME):
        with contextlib.suppress(ValueError):  # no outcome that is known
            outcome = Outcome(int(table.numbers('outcome', 'u1')[row]))
            return outcome, str(table.texts('detail')[row])
    return Outcome.UNKNOWN, ''
