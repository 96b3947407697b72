"""Success and burden of a policy over n episodes, and of two policies on the same seeds."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from il_core.errors import UserError
from il_core.structure import differences, plain, structure
from il_data.atomic import read_json, write_json
from il_data.episode import Episode
from il_data.explain import explain
from il_data.read import read_episodes
from il_loop.episodes import EpisodeSummary, summarise
from il_loop.stats import POSITIVE, Estimate, mean, paired_difference, wilson

SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True)
class Evaluation:
    """n episodes of one policy.

    Attributes:
        label: what was evaluated, as a reader knows it (`round 2`).
        checkpoint_id: of the policy that acted. `gate`: who could call a human; empty where a bag
            does not say it. `human`: who that was, empty: nobody, or
            nobody knows.
        success: share with Wilson's interval.
        human_s, switches, length_s: means per episode, intervals by Student's t.
        switches_per_minute: all switches over all robot time.
        spec_hash, spec: of robot and task, in plain form; empty in older files.
    """

    label: str
    checkpoint_id: str
    task: str
    gate: str
    success: Estimate
    human_s: Estimate
    switches: Estimate
    length_s: Estimate
    switches_per_minute: float
    episodes: tuple[EpisodeSummary, ...]
    human: str = ''
    spec_hash: str = ''
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(episode.seed for episode in self.episodes)


@dataclass(frozen=True)
class Comparison:
    """Two evaluations on the same seeds; `difference` is after − before with Tango's interval."""

    before: Evaluation
    after: Evaluation
    difference: Estimate


def evaluation(
    episodes: Sequence[EpisodeSummary],
    *,
    label: str,
    task: str,
    gate: str = 'policy_only',
    checkpoint_id: str = '',
    human: str = '',
) -> Evaluation:
    """Count up episodes of one policy, ordered by seed. Raises UserError where there is none."""
    if not episodes:
        raise UserError(f'evaluation {label}: episodes', 0, 'must be at least one')
    ordered = tuple(sorted(episodes, key=lambda e: e.seed))
    minutes = sum(e.seconds for e in ordered) / SECONDS_PER_MINUTE
    switches = [e.switches for e in ordered]
    return Evaluation(
        label=label,
        checkpoint_id=checkpoint_id,
        task=task,
        gate=gate,
        success=wilson(sum(e.success for e in ordered), len(ordered)),
        human_s=mean([e.human_s for e in ordered], POSITIVE),
        switches=mean(switches, POSITIVE),
        length_s=mean([e.seconds for e in ordered], POSITIVE),
        switches_per_minute=sum(switches) / minutes if minutes else 0.0,
        episodes=ordered,
        human=human,
    )


def from_episodes(
    episodes: Sequence[Episode], *, label: str, gate: str = 'policy_only', human: str = ''
) -> Evaluation:
    """Count up recorded or rolled out episodes of one policy on one task.

    Raises:
        UserError: none, or of several tasks, specs or policies.
    """
    for what, found in (
        ('task', {e.spec.task.name for e in episodes}),
        ('checkpoint', {e.manifest.checkpoint_id for e in episodes}),
    ):
        if len(found) > 1:
            raise UserError(f'evaluation {label}: {what}', sorted(found), 'must be one only')
    for e in episodes:
        if e.spec.hash != episodes[0].spec.hash:
            what = f'evaluation {label}: spec of {e.episode_id}'
            raise _other_spec(what, e.spec.hash, episodes[0].spec.diff(e.spec))
    counted = [summarise(e) for e in episodes]
    task = episodes[0].spec.task.name if episodes else ''
    ids = [e.checkpoint_id for e in counted]
    about = {'label': label, 'task': task, 'gate': gate, 'human': human}
    made = evaluation(counted, **about, checkpoint_id=ids[0] if ids else '')
    spec = episodes[0].spec
    return replace(made, spec_hash=spec.hash, spec=plain(spec))


def from_bags(folder: Path, seeds: Sequence[int], *, label: str) -> Evaluation:
    """Count up recorded episodes: the newest of every seed that is finished, with the gate that
    they were recorded with.

    Raises:
        UserError: no bags, none with these seeds, or of several tasks, policies or gates.
    """
    finished = [e for e in read_episodes(folder) if e.manifest.finished]
    newest = {e.manifest.seed: e for e in finished if e.manifest.seed in seeds}
    if not newest:
        raise _none_of(folder, sorted({e.manifest.seed for e in finished}), seeds)
    episodes = [newest[seed] for seed in sorted(newest)]
    spans = [span for e in episodes if not e.foreign for span in explain(e.path).spans]
    gates = sorted({span.state.gate for span in spans}) or ['']
    if len(gates) > 1:
        raise UserError(f'evaluation {label}: gate', gates, 'must be one only')
    human = ', '.join(sorted({e.manifest.operator for e in episodes} - {''}))
    return from_episodes(episodes, label=label, gate=gates[0], human=human)


def _none_of(folder: Path, there: Sequence[int], asked: Sequence[int]) -> UserError:
    if not there:
        return UserError('bags', str(folder), 'holds no finished episode')
    wanted = seed_spans(asked)
    rule = f'hold none of the seeds {wanted} that were asked for; --seed and -n choose them'
    return UserError(f'bags {folder}: seeds', seed_spans(there), rule)


def seed_spans(seeds: Sequence[int]) -> str:
    """Return ascending seeds as `200-205, 300`."""
    known = set(seeds)
    first = [seed for seed in seeds if seed - 1 not in known]
    last = [seed for seed in seeds if seed + 1 not in known]
    return ', '.join(str(a) if a == b else f'{a}-{b}' for a, b in zip(first, last, strict=True))


def compare_common(before: Evaluation, after: Evaluation) -> Comparison | None:
    """Pair two evaluations by the seeds that both have run; None where there is none. Raises
    UserError where their tasks differ."""
    common = set(before.seeds) & set(after.seeds)
    return compare(*(_on(side, common) for side in (before, after))) if common else None


def _on(made: Evaluation, seeds: Container[int]) -> Evaluation:
    kept = [e for e in made.episodes if e.seed in seeds]
    about = {'label': made.label, 'task': made.task, 'gate': made.gate, 'human': made.human}
    some = evaluation(kept, **about, checkpoint_id=made.checkpoint_id)
    return replace(some, spec_hash=made.spec_hash, spec=made.spec)


def compare(before: Evaluation, after: Evaluation) -> Comparison:
    """Pair two evaluations by seed. Raises UserError where their seeds, tasks or specs differ."""
    check_conditions(before, after.task, after.spec_hash, after.spec)
    if before.seeds != after.seeds:
        odd = sorted(set(before.seeds) ^ set(after.seeds))[:5]
        raise UserError('seeds of one evaluation only', odd, 'both must have run the same seeds')
    wins = [[e.success for e in side.episodes] for side in (before, after)]
    return Comparison(before, after, paired_difference(*wins))


def check_conditions(
    first: Evaluation, task: str, spec_hash: str, spec: Mapping[str, Any]
) -> None:
    """Raise UserError where a second evaluation cannot be paired with the first: its task, or its
    spec (in plain form), is another one."""
    if first.task != task:
        raise UserError('task of the second evaluation', task, f'must be {first.task!r}')
    if first.spec_hash and spec_hash and first.spec_hash != spec_hash:
        what = 'spec of the second evaluation'
        raise _other_spec(what, spec_hash, differences(first.spec, spec))


def _other_spec(what: str, found: str, changed: Sequence[str]) -> UserError:
    """Return the error for episodes under other conditions, which pair by chance only."""
    return UserError(what, found, f'differs from the first one ({"; ".join(changed)})')


def save(result: Evaluation | Comparison, path: Path) -> Path:
    """Write a result as JSON by atomic rename and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, plain(result))
    return path


def load_comparison(path: Path) -> Comparison:
    """Read what `save` wrote. Raises UserError where it is missing or not a comparison."""
    return structure(Comparison, _json(path), path.name)


def load_evaluation(path: Path) -> Evaluation:
    """Read what `save` wrote. Raises UserError where it is missing or not an evaluation."""
    return structure(Evaluation, _json(path), path.name)


def _json(path: Path) -> object:
    if not path.is_file():
        raise UserError('evaluation file', str(path), 'no such file')
    return read_json(path)
