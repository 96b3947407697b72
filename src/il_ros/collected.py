"""The episodes of a run folder, and whether a recorder writes into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rcl_interfaces.srv import GetParameters
from rclpy.node import Node

from il_core.episode_ids import in_order
from il_core.errors import UserError
from il_core.types import Outcome, is_finished

ASK_S = 2.0
ELSEWHERE = 'the recorder of the running graph writes into {0}; give both the same --run'


@dataclass(frozen=True)
class Collected:
    """One episode that is over. `verdict` is the recorder's: OK, SUSPECT or BAD; what `counts`
    says `il_core.types.is_finished`."""

    episode_id: str
    folder: str
    seed: int
    outcome: str
    verdict: str
    discarded: bool = False
    counts: bool = True


def present(run: Path) -> dict[int, Collected]:
    """Return the episodes of a run folder that count by seed, the newest of each.

    Raises:
        UserError: a manifest is damaged.
    """
    names = in_order(path.parent.name for path in run.glob('bags/*/manifest.json'))
    every = [_episode(bags_of(run) / name / 'manifest.json') for name in names]
    return {episode.seed: episode for episode in every if episode.counts}


def _episode(path: Path) -> Collected:
    try:
        data = json.loads(path.read_text())
        outcome = Outcome[data['outcome'].upper()]
        name, verdict, reason = (str(data[key]) for key in ('episode_id', 'verdict', 'reason'))
        counts = is_finished(verdict, outcome, reason)
        seed = int(data['seed']) if counts else -1
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        rule = f'is damaged ({error!r}): run `il bags repair {path.parent}`'
        raise UserError('manifest', str(path), rule) from error
    return Collected(name, str(path.parent), seed, data['outcome'], verdict, counts=counts)


def missing_seeds(seeds: Iterable[int], run: Path) -> list[int]:
    """Return those seeds that have no finished episode in the run folder yet: targets are
    totals."""
    there = present(run)
    return [seed for seed in seeds if seed not in there]


def bags_of(run: Path) -> Path:
    """Return the folder of a run's bags."""
    return run / 'bags'


def recorder_folder(node: Node, spin: Callable[[Callable[[], bool], float], bool]) -> str:
    """Ask the recorder in a node's namespace where its bags go; empty where it does not say.

    Args:
        node: to ask from.
        spin: lets `node` work until something is true, or for so many seconds; returns whether.
    """
    client = node.create_client(GetParameters, 'recorder/get_parameters')
    if not spin(client.service_is_ready, ASK_S):
        return ''
    answering = client.call_async(GetParameters.Request(names=['folder']))
    if not spin(answering.done, ASK_S):
        return ''
    return next((str(value.string_value) for value in answering.result().values), '')


def check_folder(told: str, run: Path) -> None:
    """Raise UserError where the recorder's folder is surely another one than the run's.

    Args:
        told: what the recorder said; relative to where it runs, which may be elsewhere.
        run: a run folder.
    """
    if told and _elsewhere(Path(told), bags_of(run)):
        raise UserError('run', str(run), ELSEWHERE.format(told))


def check_recorded(episode_id: str, told: str, run: Path) -> None:
    """Raise UserError where an episode that was recorded is not in the run folder; `told` as
    above."""
    if not (bags_of(run) / episode_id).is_dir():
        where = told or 'another folder'
        rule = f'episode {episode_id} is not there: {ELSEWHERE.format(where)}'
        raise UserError('run', str(run), rule)


def _elsewhere(folder: Path, bags: Path) -> bool:
    ours = bags.resolve()
    if folder.resolve() == ours:
        return False
    if folder.is_absolute() or not ours.is_dir():  # the recorder makes its folder at configure
        return True
    # Relative to a place that is not known, which is hardly another one where the folder is here.
    return folder.is_dir() and ours.parts[-len(folder.parts) :] != folder.parts
