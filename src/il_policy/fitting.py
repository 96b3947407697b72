"""The training loop as an object: advances to the next evaluation, and its state can be kept."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent import futures
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from il_core.errors import UserError
from il_policy.ensemble import Ensemble
from il_policy.nets import Floats
from il_policy.sampling import Batches
from il_policy.sampling import Rows as RowNumbers
from il_policy.train_state import State

# Evaluations are one epoch apart, and at least this many steps.
EVALUATE_EVERY = 50
# Steps that a member takes in a row: long enough to find its parameters in the cache, short enough
# that the threads end at about the same time.
TURN = 10


@dataclass(frozen=True)
class Progress:
    """Where a training stands; losses are means over the members since the last report,
    `validation_loss` None where nothing is held out."""

    step: int
    steps: int
    loss: float
    validation_loss: float | None


class Rows:
    """All rows in the net's units, side by side in one table, so that a batch is one gather.

    Args:
        x: (N, F) float32 observations.
        target: (N, A) float32 actions, or (N,) int64 classes.
        weight: (N,) float32.
    """

    def __init__(self, x: Tensor, target: Tensor, weight: Tensor) -> None:
        self._classes = target.ndim == 1
        columns = target[:, None] if self._classes else target
        self._table = torch.cat((x, columns.float(), weight[:, None]), dim=1)
        self._fields = x.shape[1]

    def at(self, numbers: RowNumbers) -> tuple[Tensor, Tensor, Tensor]:
        """Return x (..., F), target (..., A) or (...) classes, weight (..., 1) of rows (...)."""
        flat, width = torch.from_numpy(numbers.ravel()), self._table.shape[1]
        picked = self._table.index_select(0, flat).view(*numbers.shape, width)
        target = picked[..., self._fields : -1]
        if self._classes:
            target = target[..., 0].long()
        return picked[..., : self._fields], target, picked[..., -1:]


class Fit:
    """An ensemble, its rows and how far it has come.

    Args:
        held: row numbers for validation, may be empty.
        steps: the budget.
        patience: evaluations without improvement before it stops; 0 is never.
        threads: members trained at a time. Each is trained in the same way by whatever thread, so
            this changes no bit.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        rows: Rows,
        batches: Batches,
        held: RowNumbers,
        steps: int,
        patience: int = 0,
        threads: int = 1,
    ) -> None:
        self.step, self.steps = 0, steps
        self.loss, self._held_loss, self._best_loss = math.nan, math.nan, math.inf
        self._ensemble, self._rows, self._batches = ensemble, rows, batches
        self._held, self._held_losses = rows.at(held), torch.zeros(len(ensemble.members))
        self._threads = threads
        self._patience = patience if len(held) else 0
        self._waited, self._best = 0, ensemble.flat.clone()

    @property
    def done(self) -> bool:
        return self.step >= self.steps or 0 < self._patience <= self._waited

    @property
    def validation_loss(self) -> float | None:
        """Of the last evaluation; None where there was none."""
        return None if math.isnan(self._held_loss) else self._held_loss

    def advance(self) -> Progress:
        """Train up to the next evaluation, evaluate, and return where it stands."""
        count = min(max(self._batches.steps_per_epoch, EVALUATE_EVERY), self.steps - self.step)
        numbers = [self._batches.at(step) for step in range(self.step, self.step + count)]
        work = enumerate(np.stack(numbers, axis=1))
        take_turns((self._training(*each) for each in work), self._threads)
        self.step += count
        self.loss = float(self._ensemble.take_loss().mean()) / count
        if not math.isfinite(self.loss):
            raise UserError('training loss', self.loss, 'diverged; choose a smaller learning_rate')
        self._compare()
        return Progress(self.step, self.steps, self.loss, self.validation_loss)

    def result(self) -> dict[str, Floats]:
        """Return the weights: the best ones where there is an early stop, otherwise the last."""
        if self._patience:
            self._ensemble.flat.copy_(self._best)
            self._held_loss = self._best_loss
        return self._ensemble.weights()

    def state(self) -> State:
        """Return a copy of everything that the next steps depend on."""
        arrays = self._ensemble.state() | {'best': self._best.numpy().copy()}
        numbers = {
            'step': self.step,
            'waited': self._waited,
            'loss': self.loss,
            'held_loss': self._held_loss,
            'best_loss': self._best_loss,
        }
        return State(arrays, numbers)

    def restore(self, state: State) -> None:
        """Go on from `state`."""
        numbers = state.numbers
        self.step, self._waited = int(numbers['step']), int(numbers['waited'])
        self.loss, self._held_loss = numbers['loss'], numbers['held_loss']
        self._best_loss = numbers['best_loss']
        self._best = torch.from_numpy(np.array(state.arrays['best']))
        self._ensemble.restore(state.arrays, self.step)

    def _training(self, member: int, numbers: RowNumbers) -> Iterator[None]:
        """Train on batches (S, B) of row numbers, then validate; yield where others may go on."""
        net = self._ensemble.members[member]
        for at in range(0, len(numbers), TURN):
            for batch in zip(*self._rows.at(numbers[at : at + TURN]), strict=True):
                net.step(*batch)
            yield
        if len(self._held[0]):
            self._held_losses[member] = net.loss(*self._held)

    def _compare(self) -> None:
        """Keep the weights where the validation loss is the best so far."""
        if not len(self._held[0]):
            return
        self._held_loss = float(self._held_losses.mean())
        self._waited += 1
        if self._held_loss < self._best_loss:
            self._best_loss, self._waited = self._held_loss, 0
            self._best.copy_(self._ensemble.flat)


def take_turns(jobs: Iterable[Iterator[None]], threads: int) -> None:
    """Run all jobs to their end, each a turn at a time, as many as `threads` at once.

    Returns when no job runs any more, also after an error or an interrupt, which ends the jobs
    after their present turn.
    """
    waiting, stopped = deque(jobs), threading.Event()

    def work() -> None:
        while not stopped.is_set():
            try:
                job = waiting.popleft()
            except IndexError:
                return
            for _ in job:
                waiting.append(job)
                break

    with futures.ThreadPoolExecutor(threads) as pool:
        try:
            workers = [pool.submit(work) for _ in range(threads)]
            futures.wait(workers, return_when=futures.FIRST_EXCEPTION)
        finally:
            stopped.set()
    for worker in workers:
        worker.result()
