"""What to do about a node that is in a state of the life cycle in which it does nothing. No rclpy
here."""

from __future__ import annotations

ANEW = 'it does not come back: end its process, which `il run` and launch files start anew'
WAKE = {
    'unconfigured': '`ros2 lifecycle set {node} configure`, then activate',
    'inactive': '`ros2 lifecycle set {node} activate`',
    'finalized': ANEW,
}
# Before a parameter that configure reads may be set; then configure and activate.
UNDO = {
    'active': '`ros2 lifecycle set {node} deactivate`, then cleanup, set it, then configure and '
    'activate',
    'inactive': '`ros2 lifecycle set {node} cleanup`, set it, then configure and activate',
    'finalized': ANEW,
}


def wake(state: str, node: str) -> str:
    """Return how `node` (its full name) becomes active from `state`."""
    return WAKE.get(state, WAKE['unconfigured']).format(node=node)


def undo(state: str, node: str) -> str:
    """Return how a parameter of `node` that configure reads is set in `state`."""
    return UNDO.get(state, UNDO['active']).format(node=node)
