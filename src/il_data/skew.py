"""Is the human's action stamped by the clock that stamps the ticks? Labels are joined to ticks by
stamps, so that a clock that is off loses them, or gives them to other ticks."""

from __future__ import annotations

from collections.abc import Iterable

from il_core.spec import Spec
from il_core.types import NS_PER_S
from il_data.meter import Meter
from il_data.own_types import COMMAND, EXPERT

# What may be the way of messages over a network, and no clock.
WAY_NS = 40_000_000


def skew_note(meters: Iterable[Meter], spec: Spec) -> str:
    """Return by how much the human's clock differs from that of the ticks and what to do, empty
    where it does not.

    Both are compared by how late their fastest message came, on the recorder's own clock. A
    command comes up to a period after its tick, while the policy computes; so a clock that is
    ahead is seen only beyond that. Simulations have one clock for all.
    """
    if not spec.robot.real:
        return ''
    found = list(meters)
    human = next((m for m in found if m.type == EXPERT and m.lag_ns is not None), None)
    gate = next((m for m in found if m.type == COMMAND and m.lag_ns is not None), None)
    if human is None or gate is None or human.lag_ns is None or gate.lag_ns is None:
        return ''
    behind_ns = human.lag_ns - gate.lag_ns
    if -WAY_NS - spec.period_ns <= behind_ns <= WAY_NS:
        return ''
    where = 'behind' if behind_ns > 0 else 'ahead of'
    return (
        f'{human.name}: stamped {abs(behind_ns) / NS_PER_S:.3f} s {where} {gate.name}: its labels '
        'are lost, or of other ticks; synchronise the clocks of these computers (chrony)'
    )
