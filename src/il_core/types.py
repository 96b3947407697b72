"""One word per idea: the values that pass between packages.

Everything is frozen; arrays are float64 and must not be written to after construction. Times are
integer nanoseconds: `stamp_ns` on the ROS (data) clock, `now_ns` on whatever clock the caller
decides with (steady clock in real time, the tick's stamp in lockstep and in `il_loop.rollout`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from il_core.quick import quick

Vector = NDArray[np.float64]
NS_PER_S = 1_000_000_000


class AxisKind(enum.Enum):
    """What an action axis means, hence what zero, hold and a limit mean on it."""

    POSITION = 'position'
    VELOCITY = 'velocity'
    DELTA = 'delta'
    LATCHED = 'latched'
    DISCRETE = 'discrete'


class Mode(enum.IntEnum):
    """Numbers equal GateStatus.MODE_*."""

    UNKNOWN = 0
    HOLD = 1
    AUTONOMOUS = 2
    REQUESTING = 3
    SUPERVISOR = 4
    ESTOP = 5


class Owner(enum.IntEnum):
    """Numbers equal GateStatus.OWNER_*."""

    UNKNOWN = 0
    NOBODY = 1
    POLICY = 2
    HUMAN = 3


class Cause(enum.IntEnum):
    """Why the mode last changed. Append only: the numbers are in bags."""

    UNKNOWN = 0
    NONE = 1
    START = 2
    EPISODE_END = 3
    HUMAN_REQUEST = 4
    HUMAN_RELEASE = 5
    OPERATOR_READY = 6
    REQUEST_TIMEOUT = 7
    HAND_BACK = 8
    EXPERT_ONLY = 9
    NOVELTY = 10
    RISK = 11
    PREDICTED_ERROR = 12
    DOUBT = 13
    DISCREPANCY = 14
    STALE_OBSERVATION = 15
    STALE_JOYSTICK = 16
    POLICY_FAULT = 17
    CHECKPOINT_MISMATCH = 18
    BUDGET = 19  # nothing emits it; the number stays taken
    ESTOP = 20
    ESTOP_RESET = 21
    RESUME = 22
    CHANCE = 23
    RIVAL = 24


# Something is missing or broken, rather than decided.
FAULTS = (
    Cause.STALE_OBSERVATION,
    Cause.STALE_JOYSTICK,
    Cause.POLICY_FAULT,
    Cause.CHECKPOINT_MISMATCH,
    Cause.REQUEST_TIMEOUT,
    Cause.RIVAL,
)


class Outcome(enum.IntEnum):
    """How an episode ended. Numbers equal EpisodeEvent.OUTCOME_*."""

    UNKNOWN = 0
    SUCCESS = 1
    FAILURE = 2
    TIMEOUT = 3
    ABORTED = 4


# The reason of an episode that the gate aborts because its request for the human timed out.
NOBODY_CAME = 'nobody came'
# That of one that the operator threw away: the recorder discards it.
DISCARD = 'discard'


def is_finished(verdict: str, outcome: Outcome, reason: str) -> bool:
    """Return whether a recording is the episode of its seed, be it for totals, for evaluations or
    in reports: it can be trusted, and it came to an end of its own.

    One that was cut off (UNKNOWN) or stopped (ABORTED) says nothing of policy and human; that
    nobody came when the gate asked does.

    Args:
        verdict: of the recorder: OK, SUSPECT or BAD.
        reason: of the outcome, as in the manifest.
    """
    if outcome is Outcome.ABORTED:
        return verdict != 'BAD' and reason == NOBODY_CAME
    return verdict != 'BAD' and outcome is not Outcome.UNKNOWN


class EventKind(enum.IntEnum):
    """What happened to an episode. Numbers equal EpisodeEvent.KIND_*."""

    UNKNOWN = 0
    STARTED = 1
    INTERVENTION_BEGAN = 2
    INTERVENTION_ENDED = 3
    OUTCOME = 4
    ENDED = 5
    DISCARDED = 6
    RESTORED = 7


class Press(enum.IntEnum):
    """Operator buttons. Index into `ExpertAction.presses`; numbers equal ExpertAction.PRESS_*."""

    TAKEOVER = 0
    RELEASE = 1
    SUCCESS = 2
    FAILURE = 3
    DISCARD = 4
    ESTOP = 5


NO_PRESSES = (0,) * len(Press)


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One aligned observation at one tick.

    `vector` is (F,) in spec order and `stamps_ns` (S,) holds the header stamp used of every
    observed stream; both are valid only where `fault` is empty. `fault` says in words why there
    is no usable frame.
    """

    tick: int
    stamp_ns: int
    vector: Vector
    stamps_ns: tuple[int, ...]
    fault: str = ''

    @property
    def age_s(self) -> float:
        """Age of the oldest observed stream at the tick, in seconds; NaN where there is none."""
        if not self.stamps_ns:
            return float('nan')
        return (self.stamp_ns - min(self.stamps_ns)) / NS_PER_S


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What the policy would do with `frame`.

    `mean` and `variance` are (A,), `members` (M, A), `chunk` (C, A); None where the policy has
    none (policy `none` in demonstrations has no mean). `fault` is not empty where frame or policy
    failed: such a proposal must not act.
    """

    frame: Frame
    checkpoint_id: str = ''
    spec_hash: str = ''
    mean: Vector | None = None
    variance: Vector | None = None
    members: Vector | None = None
    chunk: Vector | None = None
    features: NDArray[np.float32] | None = None
    inference_s: float = 0.0
    fault: str = ''


@quick
@dataclass(frozen=True, slots=True, eq=False)
class ExpertAction:
    """What the expert would do now. `action` is (A,) or None; `engaged`: the dead-man is held.

    `presses` counts the presses of every `Press` so far, so that a lost or overwritten message
    loses no press. `seed` and `step` number the running episode where a simulator is the source.
    """

    stamp_ns: int
    action: Vector | None
    engaged: bool
    source: str = ''
    presses: tuple[int, ...] = NO_PRESSES
    seed: int = 0
    step: int = 0


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What a gate says at one tick: who should act, why, and the numbers behind it (names as in
    `scores`). `noise` (A,) is added to what the human's action sends, not to the label."""

    owner: Owner
    cause: Cause = Cause.NONE
    scores: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    noise: Vector | None = None


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """What was really sent at one tick: `action` (A,), bounded. `transition` marks ramps of a
    hand-over."""

    tick: int
    stamp_ns: int
    action: Vector
    mode: Mode
    owner: Owner
    transition: bool = False
    limited: tuple[str, ...] = ()


@quick
@dataclass(frozen=True, slots=True)
class GateState:
    """Who acts and why, after one tick; the plain twin of GateStatus.

    `episode_id` is empty between episodes. `hand_back_ready`: the gate would hand back to the
    policy and waits for the operator to let go of the dead-man. `joystick_timeout_s`: an expert
    action counts up to this age; NaN: not known.
    """

    tick: int
    stamp_ns: int
    mode: Mode
    owner: Owner
    cause: Cause
    detail: str = ''
    episode_id: str = ''
    step: int = 0
    gate: str = ''
    scores: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    observation_age_s: float = float('nan')
    joystick_age_s: float = float('nan')
    checkpoint_id: str = ''
    hand_back_ready: bool = False
    joystick_timeout_s: float = float('nan')


@quick
@dataclass(frozen=True, slots=True)
class EpisodeEvent:
    """Something that happened to an episode. `episode_id` is empty on OUTCOME: the running one."""

    stamp_ns: int
    kind: EventKind
    episode_id: str = ''
    seed: int = 0
    tick: int = 0
    outcome: Outcome = Outcome.UNKNOWN
    cause: Cause = Cause.UNKNOWN
    detail: str = ''


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """All of one tick: what was seen, proposed, offered by the expert, decided and sent."""

    proposal: Proposal
    expert: ExpertAction | None
    state: GateState
    command: Command
