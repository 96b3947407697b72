"""What the report says, read from a run folder: its bags, its round.json files, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from il_core.types import NS_PER_S, Cause, Outcome, Owner
from il_data import manifest
from il_data.episode import Episode
from il_data.read import bag_folders, each_once, finished_bags, read_episode
from il_loop.episodes import EpisodeSummary, summarise
from il_loop.evaluate import Comparison, Evaluation, compare_common, from_episodes
from il_loop.report_charts import CurvePoint, Panel, Timeline
from il_loop.requests import count_causes, judged_to_return, requests
from il_loop.run_folder import RoundFile, RunFolder

DEMONSTRATIONS = 'demonstrations'


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A round with the episodes that its policy did alone."""

    round: RoundFile
    episodes: tuple[Episode, ...]
    result: Evaluation


@dataclass(frozen=True, eq=False)
class Group:
    """Episodes collected for training while one policy (or none) was at work; `round` made it."""

    name: str
    episodes: tuple[Episode, ...]
    counts: tuple[EpisodeSummary, ...]
    round: RoundFile | None = None


@dataclass(frozen=True, eq=False)
class RunData:
    """All of a run folder that the report needs.

    `strange`: round to how many seeds of its evaluation have episodes of another policy only,
    which count nowhere: that of a round of the same number that was removed.
    """

    run: RunFolder
    rounds: tuple[RoundFile, ...]
    groups: tuple[Group, ...]
    evaluated: tuple[Evaluated, ...]
    shown: tuple[EpisodeSummary, ...] = ()  # in real time
    strange: Mapping[int, int] = field(default_factory=dict)

    @property
    def comparison(self) -> Comparison | None:
        """The last evaluated round against the first, on the seeds that both have run."""
        if len(self.evaluated) < 2:
            return None
        return compare_common(self.evaluated[0].result, self.evaluated[-1].result)


def load(run: RunFolder) -> RunData:
    """Read a run folder. Raises UserError where a bag or a round cannot be read."""
    rounds = run.rounds()
    episodes = read_all(run)
    shown = tuple(summarise(e) for e in read_all(run.real_time))
    evaluated = tuple(_evaluated(run, rounds))
    groups, strange = _groups(rounds, episodes), _strange(run, rounds)
    return RunData(run, tuple(rounds), groups, evaluated, shown, strange)


def curve(data: RunData) -> list[CurvePoint]:
    """Return success against labels and human actions for every evaluated round."""
    actions = {c.id: c.human_actions for group in data.groups for c in group.counts}
    return [
        CurvePoint(e.result.label, e.round.of_human, e.result.success, _effort(e.round, actions))
        for e in data.evaluated
    ]


def telling_episode(data: RunData) -> Episode | None:
    """Return the last collected episode in which the human was called, best one with scores of
    the gate, from the policy, with a good end, handed back too, for several reasons."""
    pairs = [p for group in data.groups for p in zip(group.episodes, group.counts, strict=True)]
    called = [
        (
            (scored, c.interventions > 0, c.success, c.switches > 1),
            len(count_causes(requests(episode))),
            index,
            episode,
        )
        for index, (episode, c) in enumerate(pairs)
        if ((scored := bool(episode.score_names)) and c.human_actions) or c.interventions
    ]
    return max(called, key=lambda c: c[:3])[3] if called else None


def timeline(episode: Episode) -> Timeline:
    """Return the scores of an episode's gate over time, and what changed the mode when."""
    stamps = episode.steps['stamp_ns']
    times_s = ((stamps - stamps[:1]) / NS_PER_S).tolist()
    return Timeline(
        times_s=tuple(times_s),
        owners=tuple(Owner(int(o)) for o in episode.owners),
        panels=_panels(episode),
        causes=tuple((times_s[row], words) for row, words in _changes(episode)),
    )


def cause_words(cause: Cause) -> str:
    """Return a cause as a reader sees it."""
    return cause.name.lower().replace('_', ' ')


def _changes(episode: Episode) -> Iterator[tuple[int, str]]:
    """Yield every change of mode as (row, cause in words); no words where the bands say it all."""
    modes, causes = episode.steps['mode'], episode.steps['cause']
    asked = {request.row: request.cause for request in requests(episode)}
    for row in np.flatnonzero(np.diff(modes.astype(int), prepend=-1)).tolist():
        cause = Cause(int(causes[row]))
        plain = row not in asked and cause in (Cause.OPERATOR_READY, Cause.HAND_BACK)
        yield row, '' if plain else cause_words(asked.get(row, cause))


def _panels(episode: Episode) -> tuple[Panel, ...]:
    """Return the scores by which the gate asks, then those by which it only hands back; where no
    score ever has a threshold, those that were known at all."""
    scores, limits = episode.steps['scores'], episode.steps['thresholds']
    returning = judged_to_return(episode)[:, None]
    asks, returns = np.where(returning, np.nan, limits), np.where(returning, limits, np.nan)
    panels = [
        Panel(name, *(tuple(column[:, i].tolist()) for column in (scores, asks, returns)))
        for i, name in enumerate(episode.score_names)
    ]
    judged = [p for p in panels if p.is_judged]
    if not judged:
        return tuple(p for p in panels if np.isfinite(p.scores).any())
    return tuple(sorted(judged, key=lambda p: not p.is_asking))


def _effort(made: RoundFile, actions: Mapping[str, int]) -> int | None:
    """Return the ticks that the human owned in all episodes a round looked at, whether it learned
    from them or not; None where the bag of one is gone."""
    ids = [episode.id for episode in made.episodes]
    return sum(actions[i] for i in ids) if actions.keys() >= set(ids) else None


def turned_pair(data: RunData) -> tuple[Episode, Episode] | None:
    """Return the same seed before and after: failed first and succeeded at last, if there is
    one."""
    if len(data.evaluated) < 2:
        return None
    before = {e.manifest.seed: e for e in data.evaluated[0].episodes}
    after = [e for e in data.evaluated[-1].episodes if e.manifest.seed in before]
    pairs = [(before[e.manifest.seed], e) for e in after]
    turned = [
        (a, b)
        for a, b in pairs
        if a.outcome is not Outcome.SUCCESS and b.outcome is Outcome.SUCCESS
    ]
    return next(iter(turned or pairs), None)


def read_all(run: RunFolder) -> list[Episode]:
    """Return the finished episodes of a run folder, oldest first; none is fine."""
    return each_once([read_episode(bag) for bag in finished_bags(run.bags)])


def trusted(run: RunFolder, policy: str = '') -> list[Episode]:
    """Return one episode per seed, by seed: the newest that is finished, not BAD or cut off, and
    of this policy (checkpoint id) where one is named."""
    known = [e for e in read_all(run) if e.manifest.finished]
    found = {e.manifest.seed: e for e in known if policy in ('', e.manifest.checkpoint_id)}
    return [episode for _, episode in sorted(found.items())]


def _groups(rounds: Sequence[RoundFile], episodes: Sequence[Episode]) -> tuple[Group, ...]:
    made = {r.checkpoint_id: r for r in rounds}
    names = {r.checkpoint_id: f'with round {r.number}' for r in rounds} | {'': DEMONSTRATIONS}
    learned = _learned(rounds)
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        found.setdefault(episode.manifest.checkpoint_id, []).append(episode)
    return tuple(
        Group(
            names.get(policy, f'with policy {policy}'),
            tuple(members),
            tuple(replace(c, labels=learned.get(c.id, c.labels)) for c in map(summarise, members)),
            made.get(policy),
        )
        for policy, members in found.items()
    )


def _learned(rounds: Sequence[RoundFile]) -> Mapping[str, int]:
    """Return how many labels the last round took from each episode: of every state, where its
    gate's human labels every state. Where it weighs the policy's own steps, they are among those
    counts, and it returns none."""
    if not rounds or rounds[-1].of_human != rounds[-1].labels:
        return {}
    return {episode.id: episode.labels for episode in rounds[-1].episodes}


def _evaluated(run: RunFolder, rounds: Sequence[RoundFile]) -> list[Evaluated]:
    found = []
    for made in rounds:
        episodes = trusted(run.evaluated(made.number), made.checkpoint_id)
        if episodes:
            label = 'initial BC' if made.number == 0 else f'round {made.number}'
            result = from_episodes(episodes, label=label)
            found.append(Evaluated(made, tuple(episodes), result))
    return found


def _strange(run: RunFolder, rounds: Sequence[RoundFile]) -> Mapping[int, int]:
    counts = {}
    for made in rounds:
        bags = bag_folders(run.evaluated(made.number).bags)
        known = [manifest.load(bag) for bag in bags if (bag / manifest.FILE).is_file()]
        there = {(m.seed, m.checkpoint_id == made.checkpoint_id) for m in known if m.finished}
        counts[made.number] = len({seed for seed, _ in there if (seed, True) not in there})
    return {number: count for number, count in counts.items() if count}
