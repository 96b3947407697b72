"""What the report says, read from a run folder: its bags, its round.json files, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from il_core.types import NS_PER_S, Cause, Outcome, Owner
from il_data.episode import Episode
from il_data.manifest import Verdict
from il_data.read import bag_folders, read_episode
from il_loop.episodes import EpisodeSummary, summarise
from il_loop.evaluate import Comparison, Evaluation, compare, from_episodes
from il_loop.report_charts import CurvePoint, Timeline
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
    """Episodes collected for training while one policy (or none) was at work."""

    name: str
    episodes: tuple[Episode, ...]
    counts: tuple[EpisodeSummary, ...]


@dataclass(frozen=True, eq=False)
class RunData:
    """All of a run folder that the report needs."""

    run: RunFolder
    rounds: tuple[RoundFile, ...]
    groups: tuple[Group, ...]
    evaluated: tuple[Evaluated, ...]
    shown: tuple[EpisodeSummary, ...] = ()  # in real time

    @property
    def comparison(self) -> Comparison | None:
        """The last evaluated round against the first, on the same seeds."""
        if len(self.evaluated) < 2:
            return None
        return compare(self.evaluated[0].result, self.evaluated[-1].result)


def load(run: RunFolder) -> RunData:
    """Read a run folder. Raises UserError where a bag or a round cannot be read."""
    rounds = run.rounds()
    episodes = read_all(run)
    shown = tuple(summarise(e) for e in read_all(run.real_time))
    evaluated = tuple(_evaluated(run, rounds))
    return RunData(run, tuple(rounds), _groups(rounds, episodes), evaluated, shown)


def curve(data: RunData) -> list[CurvePoint]:
    """Return success against labels for every evaluated round."""
    return [CurvePoint(e.result.label, e.round.labels, e.result.success) for e in data.evaluated]


def telling_episode(data: RunData) -> Episode | None:
    """Return the last collected episode in which the gate called the human, best one with a good
    end in which it handed back too."""
    pairs = [p for group in data.groups for p in zip(group.episodes, group.counts, strict=True)]
    called = [
        (counts.success, counts.switches > 1, index, episode)
        for index, (episode, counts) in enumerate(pairs)
        if counts.interventions and episode.score_names
    ]
    return max(called, key=lambda c: c[:3])[3] if called else None


def timeline(episode: Episode) -> Timeline:
    """Return the first score of an episode's gate over time, and what changed the mode when."""
    steps, period_s = episode.steps, episode.spec.period_ns / NS_PER_S
    changed = np.flatnonzero(np.diff(steps['mode'].astype(int), prepend=-1))
    return Timeline(
        times_s=tuple(np.arange(len(steps)) * period_s),
        owners=tuple(Owner(int(o)) for o in episode.owners),
        score_name=episode.score_names[0],
        scores=tuple(steps['scores'][:, 0]),
        thresholds=tuple(steps['thresholds'][:, 0]),
        causes=tuple(
            (int(i) * period_s, Cause(int(steps['cause'][i])).name.lower().replace('_', ' '))
            for i in changed
        ),
    )


def turned_pair(data: RunData) -> tuple[Episode, Episode] | None:
    """Return the same seed before and after: failed first and succeeded at last, if there is
    one."""
    if len(data.evaluated) < 2:
        return None
    before = {e.manifest.seed: e for e in data.evaluated[0].episodes}
    pairs = [(before[e.manifest.seed], e) for e in data.evaluated[-1].episodes]
    turned = [
        (a, b)
        for a, b in pairs
        if a.outcome is not Outcome.SUCCESS and b.outcome is Outcome.SUCCESS
    ]
    return next(iter(turned or pairs), None)


def read_all(run: RunFolder) -> list[Episode]:
    """Return the episodes of a run folder, oldest first; none is fine."""
    return [read_episode(bag) for bag in bag_folders(run.bags)]


def trusted(run: RunFolder) -> list[Episode]:
    """Return one episode per seed, by seed: the newest whose recording is not BAD."""
    return [
        episode
        for _, episode in sorted(
            {e.manifest.seed: e for e in read_all(run) if e.verdict is not Verdict.BAD}.items()
        )
    ]


def _groups(rounds: Sequence[RoundFile], episodes: Sequence[Episode]) -> tuple[Group, ...]:
    names = {r.checkpoint_id: f'with round {r.number}' for r in rounds} | {'': DEMONSTRATIONS}
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        policy = episode.manifest.checkpoint_id
        found.setdefault(names.get(policy, f'with policy {policy}'), []).append(episode)
    return tuple(
        Group(name, tuple(members), tuple(summarise(e) for e in members))
        for name, members in found.items()
    )


def _evaluated(run: RunFolder, rounds: Sequence[RoundFile]) -> list[Evaluated]:
    found = []
    for number, made in enumerate(rounds):
        episodes = trusted(run.evaluated(number))
        if episodes:
            label = 'initial BC' if number == 0 else f'round {number}'
            result = from_episodes(episodes, label=label)
            found.append(Evaluated(made, tuple(episodes), result))
    return found
