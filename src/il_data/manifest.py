"""What is known of an episode beside its messages: manifest.json, written last and whole."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from il_core.errors import UserError
from il_core.load import spec_from_plain
from il_core.spec import Spec
from il_core.types import Outcome, is_finished
from il_data.atomic import write_json
from il_data.meter import TopicStats

FILE = 'manifest.json'
VERSION = 1

# Limits of the verdict: a larger loss on a required topic is BAD; a rate below this part of the
# topic's own, or a gap above this many periods (and 0.2 s) is SUSPECT.
BAD_LOSS = 0.05
LOW_RATE = 0.8
GAP_PERIODS = 5
GAP_S = 0.2


class Verdict(enum.Enum):
    """Can this recording be trusted? BAD is left out of training."""

    OK = 'OK'
    SUSPECT = 'SUSPECT'
    BAD = 'BAD'


@dataclass(frozen=True)
class Expected:
    """What a recording promises for a topic. `rate_hz` 0: no rate is known."""

    name: str
    required: bool = False
    rate_hz: float = 0.0

    @property
    def gap_s(self) -> float:
        """How long it may be silent; 0 where no rate is known."""
        return max(GAP_S, GAP_PERIODS / self.rate_hz) if self.rate_hz else 0.0


@dataclass(frozen=True)
class Manifest:
    """One finished episode. `start_ns` and `end_ns` are receive stamps (system clock).

    `spec` is the plain form of robot and task spec (see `spec_of`), empty where none was known.
    `reasons` say what stands behind a verdict that is not OK.
    """

    episode_id: str
    outcome: Outcome = Outcome.UNKNOWN
    reason: str = ''
    operator: str = ''
    seed: int = 0
    start_ns: int = 0
    end_ns: int = 0
    verdict: Verdict = Verdict.OK
    reasons: tuple[str, ...] = ()
    topics: tuple[TopicStats, ...] = ()
    spec_hash: str = ''
    checkpoint_id: str = ''
    recovered: bool = False
    il_version: str = ''
    version: int = VERSION
    spec: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """It is the episode of its seed, see `il_core.types.is_finished`."""
        return is_finished(self.verdict.value, self.outcome, self.reason)

    def save(self, folder: Path) -> None:
        """Write manifest.json into the bag's folder by atomic rename."""
        write_json(folder / FILE, plain_of(self))


def plain_of(known: Manifest) -> dict[str, Any]:
    """Return what JSON can hold; the inverse of `from_plain`."""
    data = {f.name: getattr(known, f.name) for f in dataclasses.fields(known)}
    data['outcome'] = known.outcome.name.lower()
    data['verdict'] = known.verdict.value
    data['topics'] = [topic._asdict() for topic in known.topics]
    return data


def from_plain(data: Mapping[str, Any]) -> Manifest:
    """Build a manifest; keys of later versions are left out, here and in its topics; a topic
    may be a list of its values.

    Raises:
        ValueError, KeyError, TypeError: it is no manifest.
    """
    kept = {key: data[key] for key in _KEYS if key in data}
    kept['outcome'] = Outcome[data['outcome'].upper()]
    kept['verdict'] = Verdict(data['verdict'])
    kept['reasons'] = tuple(data['reasons'])
    topics = data['topics']
    if topics and isinstance(topics[0], dict):
        known = TopicStats._fields
        kept['topics'] = tuple(
            TopicStats(**{key: topic[key] for key in known if key in topic}) for topic in topics
        )
    else:
        kept['topics'] = tuple(map(TopicStats._make, topics))
    return Manifest(**kept)


_KEYS = tuple(f.name for f in dataclasses.fields(Manifest))


def load(folder: Path) -> Manifest:
    """Read the manifest of a bag.

    Raises:
        UserError: it is missing (the recording was cut off) or not a manifest.
    """
    path = folder / FILE
    try:
        return from_plain(json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise UserError(
            'bag', str(folder), f'has no manifest: run `il bags repair {folder}`'
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            'manifest', str(path), f'is damaged ({error!r}): run `il bags repair {folder}`'
        ) from error


def spec_of(manifest: Manifest) -> Spec | None:
    """Return the spec that an episode was recorded with, None where it has none."""
    if not manifest.spec:
        return None
    return _spec(json.dumps(manifest.spec, sort_keys=True))


@functools.lru_cache(maxsize=8)
def _spec(text: str) -> Spec:
    return spec_from_plain(json.loads(text), 'manifest: spec')


def judge(
    stats: Sequence[TopicStats],
    expected: Sequence[Expected],
    notes: Sequence[str] = (),
    useless: str = '',
) -> tuple[Verdict, tuple[str, ...]]:
    """Weigh a recording.

    Args:
        stats: what arrived.
        expected: what should have.
        notes: what else speaks against it ('recovered', 'disk full'): SUSPECT.
        useless: why nothing can be learned from it, whole as it may be: BAD.

    Returns:
        The verdict and its reasons in words, the gravest first.
    """
    found = {topic.name: topic for topic in stats}
    bad = [useless] if useless else []
    suspect: list[str] = list(notes)
    for want in expected:
        topic = found.get(want.name)
        if topic is None or not topic.count:
            if want.required:
                bad.append(f'{want.name}: no message')
            continue
        if topic.lost > 0:
            part = topic.lost / (topic.lost + topic.count)
            text = f'{want.name}: {topic.lost} of {topic.lost + topic.count} messages lost'
            (bad if want.required and part > BAD_LOSS else suspect).append(text)
        if topic.publishers > 1:
            suspect.append(f'{want.name}: {topic.publishers} publishers, loss is not known')
        suspect.extend(_pace(topic, want))
    verdict = Verdict.BAD if bad else Verdict.SUSPECT if suspect else Verdict.OK
    return verdict, (*bad, *suspect)


def _pace(topic: TopicStats, want: Expected) -> list[str]:
    if not want.rate_hz or topic.count < GAP_PERIODS:
        return []
    lines = []
    if topic.rate_hz < LOW_RATE * want.rate_hz:
        lines.append(f'{want.name}: {topic.rate_hz:.1f} Hz, expected {want.rate_hz:g} Hz')
    if topic.max_gap_s > want.gap_s:
        lines.append(f'{want.name}: a gap of {topic.max_gap_s:.3f} s')
    return lines
