"""Where things are in a run folder, and what a round left behind: round.json."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from il_core.errors import UserError
from il_core.structure import plain, structure
from il_data.atomic import read_json, sync, write_text
from il_data.read import has_bags

ROUND = 'round.json'
FORMAT = 1


@dataclass(frozen=True)
class RoundEpisode:
    """One episode that a round looked at. `labels` rows of it were trained on (0: left out, and
    `note` says why). `new`: not in the round before, or with another
    outcome or verdict there."""

    id: str
    hash: str
    outcome: str
    verdict: str
    labels: int
    new: bool
    note: str = ''


@dataclass(frozen=True)
class RoundFile:
    """The contents of round.json: what a round was made from and what it gave.

    Attributes:
        number: 0 is the first cloning.
        labels, new_labels: rows with a weight above 0 in all and from new episodes, the policy's
            own too where a weighting has them; `human_labels`: rows of the human, None in older
            files.
        selection: in words, what counts as supervision.
        config: of the training; `seed` of the training.
        settings: all that the round was asked for with, a `RoundConfig`; empty in older files.
        gate: name of the gate and, where it was fitted, thresholds, alpha and on how many states;
            empty where none was named.
        validation_loss: of the policy, None where nothing was held out.
        training_s: wall time.
    """

    number: int
    task: str
    spec_hash: str
    checkpoint_id: str
    labels: int
    new_labels: int
    selection: str
    seed: int
    episodes: tuple[RoundEpisode, ...]
    config: Mapping[str, Any]
    gate: Mapping[str, Any] = field(default_factory=dict)
    validation_loss: float | None = None
    training_s: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    human_labels: int | None = None
    format: int = FORMAT

    @property
    def of_human(self) -> int:
        """How many labels are the human's actions."""
        return self.labels if self.human_labels is None else self.human_labels


@dataclass(frozen=True)
class RunFolder:
    """`runs/NAME` as in docs/explanation/architecture.md."""

    path: Path

    @property
    def bags(self) -> Path:
        return self.path / 'bags'

    @property
    def evaluation(self) -> Path:
        return self.path / 'evaluation'

    def evaluated(self, number: int) -> RunFolder:
        """Where the bags of the evaluation of round `number` are, in a run folder of their own so
        that nothing is ever trained on them."""
        return RunFolder(self.evaluation / f'round_{number}')

    @property
    def real_time(self) -> RunFolder:
        """Episodes to look at, never trained on."""
        return RunFolder(self.path / 'real_time')

    @property
    def report(self) -> Path:
        return self.path / 'report' / 'index.html'

    def round(self, number: int) -> Path:
        return self.path / f'round_{number}'

    def checkpoint(self, number: int) -> Path:
        return self.round(number) / 'checkpoint'

    def partial(self, number: int) -> Path:
        """Where round `number` is put together before it gets its name."""
        return self.path / f'.round_{number}.partial'

    def lacks(self, what: str, do: str) -> UserError:
        """Return the error that says what is not in it, and what to do: where the path is one
        within a run folder, to name that."""
        if not self.path.is_dir():
            return UserError('run folder', str(self.path), 'no such folder')
        above = self.path.absolute().parents[:2]
        bags = [p for p in above if has_bags(p / 'bags')]
        hint = f'did you mean {bags[0]}?' if bags else do
        return UserError('run folder', str(self.path), f'{what}; {hint}')

    def rounds(self) -> list[RoundFile]:
        """Return the finished rounds in order. Raises UserError where one cannot be read."""
        found = (re.fullmatch(r'round_(\d+)', p.name) for p in self.path.glob('round_*'))
        numbers = sorted(int(m[1]) for m in found if m)
        return [self.read_round(n) for n in numbers if (self.round(n) / ROUND).is_file()]

    def next_number(self) -> int:
        """Return what the next round will be: one after the last, also where earlier ones are
        gone."""
        return max((made.number for made in self.rounds()), default=-1) + 1

    def check_free(self, number: int) -> None:
        """Raise UserError where something has the name of round `number` already."""
        path = self.round(number)
        if os.path.lexists(path):
            rule = f'has no {ROUND}, so is no finished round, and is in the way of one; move it'
            raise UserError('folder', str(path), rule)

    def finish(self, made: RoundFile) -> None:
        """Add round.json to what was put together, and give it its name at once, with all of it
        on the disk before."""
        folder = self.partial(made.number)
        write_round(made, folder)
        sync(folder)
        os.replace(folder, self.round(made.number))
        sync(self.path)

    def read_round(self, number: int) -> RoundFile:
        """Read round.json. Raises UserError where it is missing or damaged."""
        path = self.round(number) / ROUND
        if not path.is_file():
            raise UserError('round', str(path), 'no such file; train it with `il round`')
        return structure(RoundFile, read_json(path), str(path))


def write_round(made: RoundFile, folder: Path) -> None:
    """Write round.json into `folder`."""
    write_text(folder / ROUND, json.dumps(plain(made), indent=1) + '\n')
