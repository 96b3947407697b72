"""How a scripted operator behaves."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from il_core.errors import UserError


class Style(enum.Enum):
    """When a scripted operator wants to be at the controls.

    `always`: at every tick; for demonstrations, for gates that need the expert's action at every
    step, and for `instant` hand-over, where the gate alone decides whose action counts.
    `on_request`: from a gate's request until the gate hands back or shows that it is ready to.
    `own_judgement`: as HG-DAgger's human, who watches: takes over while what the policy wants has
    been too far from its own action, lets go when both have agreed again; answers requests too.
    """

    ALWAYS = 'always'
    ON_REQUEST = 'on_request'
    OWN_JUDGEMENT = 'own_judgement'


MOST_REACTION_S = 60.0


@dataclass(frozen=True)
class ScriptedConfig:
    """How a scripted operator behaves.

    Args:
        style: when it wants to be at the controls.
        reaction_s: from wanting to engage or to let go until its hand does, in seconds; a wish
            that ends earlier never shows. Style `always` has no reaction time.
        noise: standard deviation of Gaussian noise on its action while engaged, in normalised
            units (1 is half an axis' range); not on latched and discrete axes.
        attention_s: seconds for which it drives in one episode; when they are spent it lets go and
            comes no more. 0: as many as are wanted.
        takeover_distance: own judgement: it wants to take over when the distance
            (`il_core.distance`) of the policy's action from its own was above this
        takeover_ticks: for so many ticks in a row;
        release_distance: it wants to let go when that distance was below this
        release_ticks: for so many ticks in a row. Below the take-over distance, or the two would
            chatter.

    Raises:
        UserError: a value out of range.
    """

    style: Style = Style.ON_REQUEST
    reaction_s: float = 0.0
    noise: float = 0.0
    attention_s: float = 0.0
    takeover_distance: float = 0.5
    takeover_ticks: int = 3
    release_distance: float = 0.25
    release_ticks: int = 5

    def __post_init__(self) -> None:
        for key in ('reaction_s', 'noise', 'attention_s', 'release_distance'):
            if not 0 <= getattr(self, key) < float('inf'):
                raise UserError(f'operator: {key}', getattr(self, key), 'must not be negative')
        for key in ('takeover_ticks', 'release_ticks'):
            if getattr(self, key) < 1:
                raise UserError(f'operator: {key}', getattr(self, key), 'must be at least 1')
        if not self.release_distance <= self.takeover_distance:
            raise UserError(
                'operator: release_distance',
                self.release_distance,
                f'must not be above takeover_distance ({self.takeover_distance})',
            )
