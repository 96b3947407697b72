"""What one episode cost and how it ended, counted from its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from il_core.types import NS_PER_S, Outcome, Owner
from il_data.episode import Episode


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """One episode in numbers; the same from a rollout and from a bag.

    Attributes:
        id: episode id, the name of its bag where there is one.
        outcome: name of an `Outcome`.
        steps: ticks from the first command that was not HOLD to the end; `seconds` is their time.
        human_actions, robot_actions, idle_actions: ticks owned by the human, the policy, nobody.
        human_s: seconds that the human owned the robot.
        switches: changes of owner between policy and human, both ways (idle ticks between do not
            count); `interventions`: those from the policy to the human.
        begun_by_human: the human acted first, so was asked before the policy did anything.
        labels: ticks that are supervision.
        verdict: the recorder's.
        checkpoint_id: of the policy at work, empty where there was none.
    """

    id: str
    seed: int
    outcome: str
    steps: int
    seconds: float
    human_actions: int = 0
    robot_actions: int = 0
    idle_actions: int = 0
    human_s: float = 0.0
    switches: int = 0
    interventions: int = 0
    begun_by_human: bool = False
    labels: int = 0
    verdict: str = 'OK'
    checkpoint_id: str = ''

    @property
    def success(self) -> bool:
        return self.outcome == Outcome.SUCCESS.name


def summarise(episode: Episode) -> EpisodeSummary:
    """Count one episode, of a bag or of a rollout."""
    owners, period_s = episode.owners, episode.spec.period_ns / NS_PER_S
    acting = owners[np.isin(owners, (Owner.POLICY, Owner.HUMAN))]
    handed = (acting[1:] == Owner.HUMAN) & (acting[:-1] == Owner.POLICY)
    return EpisodeSummary(
        id=episode.episode_id,
        seed=episode.manifest.seed,
        outcome=episode.outcome.name,
        steps=len(episode),
        seconds=len(episode) * period_s,
        human_actions=episode.human_actions,
        robot_actions=episode.robot_actions,
        idle_actions=len(episode) - len(acting),
        human_s=episode.human_actions * period_s,
        switches=episode.switches,
        interventions=int(handed.sum()),
        begun_by_human=bool(len(acting) and acting[0] == Owner.HUMAN),
        labels=int(episode.human_labels.sum()),
        verdict=episode.verdict.value,
        checkpoint_id=episode.manifest.checkpoint_id,
    )


def burden(switches: float, latency: float, actions: float) -> float:
    """Return what a supervisor bears, in ticks: C (L + I).

    Source: Hoque et al., LazyDAgger, CASE 2021, section III.

    Args:
        switches: C, how often control changed hands.
        latency: L, ticks that one change costs.
        actions: I, mean human actions per intervention.
    """
    return switches * (latency + actions)


def spans(owners: Sequence[Owner]) -> list[tuple[Owner, int, int]]:
    """Return runs of one owner as (owner, first tick, tick after the last)."""
    starts = [i for i, owner in enumerate(owners) if i == 0 or owner is not owners[i - 1]]
    ends = [*starts[1:], len(owners)]
    return [(owners[a], a, b) for a, b in zip(starts, ends, strict=True)]
