"""Recover bags that were never finished: what is readable becomes a whole bag again."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from il_core.errors import UserError
from il_core.types import EventKind, Outcome
from il_data.bag import METADATA, BagWriter, Qos, Topic
from il_data.contents import Contents, RawTopic, read_mcap
from il_data.manifest import Expected, Manifest, judge, load
from il_data.meter import Meter, TopicStats
from il_data.plan import is_shared
from il_data.proposals import PROPOSAL, ids_of
from il_data.schema import Definition
from il_data.shelf import UNREADABLE, put_away
from il_data.table import Table
from il_data.version import il_version

EVENT = 'interactive_il/msg/EpisodeEvent'


def repair(folder: Path) -> Manifest:
    """Rewrite an unfinished or damaged MCAP bag from its readable part, and give it a manifest.

    The verdict is SUSPECT or worse, with 'recovered' among the reasons. Outcome and reason of a
    manifest that is intact stay. The old file is replaced by rename, after the new one is whole.
    A bag of ours without any message is put away (`.unreadable` beside it).

    Raises:
        UserError: no MCAP file there, a recorder still writes it, or nothing in it is readable.
    """
    path = mcap_file(folder)
    if is_open(path):
        raise UserError('bag', str(folder), 'is being recorded right now; stop the episode first')
    contents = read_mcap(path)
    if not contents.count:
        rule = f'holds no readable message ({contents.damage or "it is empty"})'
        if contents.ours or not path.stat().st_size:
            rule += f'; moved to {put_away(folder, UNREADABLE)}'
        raise UserError('bag', str(folder), rule)
    rewritten = _rewrite(folder, contents)
    rewritten.path.replace(path)
    (rewritten.folder / METADATA).replace(folder / METADATA)
    shutil.rmtree(rewritten.folder.parent)
    done = _manifest(folder, contents)
    done.save(folder)
    return done


def mcap_file(folder: Path) -> Path:
    """Return the one MCAP file of a bag. Raises UserError where there is none or more."""
    found = sorted(folder.glob('*.mcap')) if folder.is_dir() else []
    if len(found) != 1:
        raise UserError('bag', str(folder), f'must hold one .mcap file, has {len(found)}')
    return found[0]


def is_open(path: Path) -> bool:
    """True where a recorder writes this file now."""
    with path.open('rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _rewrite(folder: Path, contents: Contents) -> BagWriter:
    """Write what was read to a hidden folder of the same name beside the bag."""
    aside = folder.parent / f'.{folder.name}.repair'
    if aside.exists():
        shutil.rmtree(aside)
    rows = [
        (arrival.log_ns, name, arrival)
        for name, topic in contents.topics.items()
        for arrival in topic.arrivals
    ]
    with BagWriter(aside / folder.name, contents.note) as bag:
        for topic in contents.topics.values():
            qos = Qos.parse(topic.metadata.get('offered_qos_profiles', ''))
            known = Definition(topic.type, topic.schema, topic.metadata.get('topic_type_hash', ''))
            bag.add_topic(Topic(topic.name, topic.type, qos), known)
        for _, name, arrival in sorted(rows, key=lambda row: row[0]):
            bag.write(name, arrival)
    return bag


def _manifest(folder: Path, contents: Contents) -> Manifest:
    note = contents.note
    stats = [_stats(topic, note) for topic in contents.topics.values()]
    expected = [Expected(**item) for item in note.get('expected', [])]
    why = contents.damage or 'it was closed without a manifest'
    verdict, reasons = judge(stats, expected, [f'recovered: {why}'])
    stamps = [ns for topic in contents.topics.values() for ns in topic.log_ns]
    checkpoint_id, spec_hash = _ids(contents)
    outcome, reason = _outcome(folder, contents)
    return Manifest(
        episode_id=folder.name,
        outcome=outcome,
        reason=reason,
        operator=note.get('operator', ''),
        seed=note.get('seed', 0),
        start_ns=min(stamps),
        end_ns=max(stamps),
        verdict=verdict,
        reasons=reasons,
        topics=tuple(stats),
        spec_hash=note.get('spec_hash', spec_hash),
        checkpoint_id=checkpoint_id,
        recovered=True,
        il_version=il_version(),
        spec=note.get('spec', {}),
    )


def _ids(contents: Contents) -> tuple[str, str]:
    for topic in contents.topics.values():
        if topic.type == PROPOSAL and topic.rows:
            return ids_of(topic.rows[0][3], topic.schema)
    return '', ''


def _stats(topic: RawTopic, note: Mapping[str, Any]) -> TopicStats:
    shared = topic.name in note['shared'] if 'shared' in note else is_shared(topic.name)
    meter = Meter(topic.name, topic.type, topic.schema, shared)
    meter.publishers = note.get('publishers', {}).get(topic.name, 1)
    for arrival in topic.arrivals:
        meter.add(arrival)
    return meter.stats()


def _outcome(folder: Path, contents: Contents) -> tuple[Outcome, str]:
    """Return outcome and reason: the manifest's, as services and labels are in no message; where
    there is none, what was said before the recording broke off."""
    try:
        known = load(folder)
    except UserError:
        return _said(contents)
    return known.outcome, known.reason


def _said(contents: Contents) -> tuple[Outcome, str]:
    """Return the first outcome among the messages, and its reason."""
    events = next((t for t in contents.topics.values() if t.type == EVENT), None)
    table = Table(events)
    for row in np.flatnonzero(table.numbers('kind', 'u1') == EventKind.OUTCOME):
        with contextlib.suppress(ValueError):  # no outcome that is known
            outcome = Outcome(int(table.numbers('outcome', 'u1')[row]))
            return outcome, str(table.texts('detail')[row])
    return Outcome.UNKNOWN, ''
