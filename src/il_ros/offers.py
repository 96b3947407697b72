"""Follow what publishers offer, so that a recorder hears everybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

RELIABLE = ReliabilityPolicy.RELIABLE
LATCHED = DurabilityPolicy.TRANSIENT_LOCAL


def follow(offers: Sequence[QoSProfile], fallback: QoSProfile, depth: int) -> QoSProfile:
    """Return the strictest profile that every offer is compatible with, with a queue of `depth`.

    Args:
        offers: profiles of the publishers there are.
        fallback: what to ask for while there is none.
    """
    offers = offers or [fallback]
    reliable = all(o.reliability == RELIABLE for o in offers)
    latched = all(o.durability == LATCHED for o in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=LATCHED if latched else DurabilityPolicy.VOLATILE,
    )


def same(one: QoSProfile, other: QoSProfile) -> bool:
    """True where two profiles ask for the same."""
    return (one.reliability, one.durability) == (other.reliability, other.durability)


def offers_of(node: Any, topic: str) -> list[QoSProfile]:
    """Return the profiles of the publishers of a topic (full name)."""
    return [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]


def terms(qos: QoSProfile) -> tuple[bool, bool, int]:
    """Return (reliable, latched, depth); discovery does not tell the depth of everybody: 0."""
    return qos.reliability == RELIABLE, qos.durability == LATCHED, qos.depth
