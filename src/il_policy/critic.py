"""How likely the policy reaches the goal from here: twin critics, as in ThriftyDAgger.

Hoque et al., CoRL 2021: Q(s, a) estimates the sum of discounted goal indicators when the policy
acts from s' on. Target r + (1 - r) gamma min(Q1', Q2')(s', policy(s')), 0 after any other end.

What differs from the authors' code, and why: targets start as copies of the new critics (there,
those of the first round trail behind) and follow at every tenth step by as much as there in ten,
so that ten batches are judged at once; a time-out always ends with 0 (there, rollouts drop it and
online steps end with it), because a policy that stands still would otherwise define its own value;
rollouts are of the newest policy (there, all rounds' stay in one buffer of 3e4 steps): those of
older ones tell where another policy fails. Steps that were recorded stay, whoever's they are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from il_core.errors import InternalError, UserError
from il_core.types import Vector
from il_policy.ensemble import Ensemble
from il_policy.member import Member
from il_policy.nets import Floats, Head, Net
from il_policy.normalize import Normalization

CRITIC_RNG = 17  # first word of its seeds
TWINS = 2
REPORT = 250  # steps between two reports of progress


@dataclass(frozen=True, eq=False)
class Transitions:
    """N steps in order: states (N, F), what was really done (N, A), the states after (N, F),
    `reached`: the step reached the goal, `ended`: nothing came after it (failure, time-out)."""

    states: Vector
    actions: Vector
    following: Vector
    reached: NDArray[np.bool_]
    ended: NDArray[np.bool_]

    def __post_init__(self) -> None:
        columns = (self.states, self.actions, self.following, self.reached, self.ended)
        if len({len(c) for c in columns}) != 1:
            raise InternalError('transitions of different lengths')

    def __len__(self) -> int:
        return len(self.states)


@dataclass(frozen=True)
class CriticConfig:
    """How critics are trained; defaults as in the authors' code (polyak 0.995 at every second
    step).

    `positive`: at most this share of a batch are steps that reached the goal. Targets keep the
    share `polyak` of themselves at every `turn`-th step. `capacity`: only the newest so many steps
    count. `threads`: 2 trains both critics at a time, which changes no bit.
    """

    steps: int = 12_500
    batch: int = 50
    positive: float = 0.1
    discount: float = 0.9999
    learning_rate: float = 1e-3
    polyak: float = 0.975
    turn: int = 10
    threads: int = 1
    hidden: tuple[int, ...] = (256, 256)
    capacity: int = 30_000

    def __post_init__(self) -> None:
        for name in ('steps', 'batch', 'learning_rate', 'turn', 'capacity'):
            if getattr(self, name) <= 0:
                raise UserError(f'critic: {name}', getattr(self, name), 'must be above 0')
        for name in ('positive', 'discount', 'polyak'):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f'critic: {name}', getattr(self, name), 'must be 0 to 1')


@dataclass(frozen=True, eq=False)
class Critic:
    """Twin critics: `net` of two members over a state and an action in the net's units."""

    net: Net
    weights: dict[str, Floats]


def train_critic(
    data: Transitions,
    normalization: Normalization,
    policy: Callable[[Vector], Vector],
    config: CriticConfig,
    *,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Critic:
    """Train the critics of a policy that does not change meanwhile.

    Args:
        data: of whoever acted; at most `config.capacity` of the newest count.
        normalization: of the policy.
        policy: what it does in (N, F) states: (N, A).
        progress: called now and then with the steps done.

    Raises:
        UserError: no transitions.
    """
    if not len(data):
        raise UserError('transitions', 0, 'a critic needs at least one episode')
    table = _Table(data, normalization, policy, config.capacity)
    net = Net(table.width, 1, Head.SIGMOID, TWINS, config.hidden)
    first = net.initial(np.random.default_rng((CRITIC_RNG, 0, seed)))
    critics = Ensemble(net, first, config.batch, config.learning_rate)
    targets = Ensemble(net, first, config.batch)
    rng = np.random.default_rng((CRITIC_RNG, 1, seed))
    with futures.ThreadPoolExecutor(config.threads) as pool:
        for done, (x, following, reward, keep) in table.turns(config, rng):
            flat = following.flatten(0, 1)
            values = pool.map(lambda twin, flat=flat: twin.predict(flat), targets.members)
            value = torch.minimum(*values).view_as(reward)
            target = torch.addcmul(reward, keep, value, value=config.discount)
            learn = functools.partial(_learn, x, target)
            list(pool.map(learn, critics.members))
            targets.flat.lerp_(critics.flat, 1 - config.polyak)
            if progress is not None and done % REPORT == 0:
                progress(done)
    return Critic(net, critics.weights())


def _learn(x: Tensor, target: Tensor, twin: Member) -> None:
    """Take one step per batch of (T, B, ...)."""
    weight = torch.ones(x.shape[1], 1)
    for each in zip(x, target, strict=True):
        twin.step(*each, weight)


class _Table:
    """All transitions in the net's units, side by side, so that a block is one gather."""

    def __init__(
        self,
        data: Transitions,
        normalization: Normalization,
        policy: Callable[[Vector], Vector],
        capacity: int,
    ) -> None:
        kept = slice(max(len(data) - capacity, 0), None)

        def units(states: Vector, actions: Vector) -> Tensor:
            parts = (normalization.observation(states), normalization.target(actions))
            return torch.from_numpy(np.concatenate(parts, axis=1))

        following = data.following[kept]
        goes_on = ~(data.reached[kept] | data.ended[kept])
        self._columns = torch.cat(
            (
                units(data.states[kept], data.actions[kept]),
                units(following, policy(following)),
                torch.from_numpy(data.reached[kept]).float()[:, None],
                torch.from_numpy(goes_on).float()[:, None],
            ),
            dim=1,
        )
        self.width = (self._columns.shape[1] - 2) // 2
        self._reached = np.flatnonzero(data.reached[kept])
        self._others = np.flatnonzero(~data.reached[kept])

    def turns(
        self, config: CriticConfig, rng: np.random.Generator
    ) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        """Yield the steps done after a turn, and for its batches (T, B, ...): state and action,
        those after, reward, whether it goes on."""
        size = config.batch
        good = min(round(config.positive * size), size) if len(self._reached) else 0
        if not len(self._others):
            good = size
        sizes = [self.width, self.width, 1, 1]
        for begin in range(0, config.steps, config.turn):
            steps = min(config.turn, config.steps - begin)
            rows = np.empty((steps, size), np.int64)
            for part, pool in ((rows[:, :good], self._reached), (rows[:, good:], self._others)):
                if part.size:
                    part[:] = pool[rng.integers(len(pool), size=part.shape)]
            picked = self._columns.index_select(0, torch.from_numpy(rows.ravel()))
            yield begin + steps, torch.split(picked.view(steps, size, -1), sizes, dim=2)
