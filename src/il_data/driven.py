"""Did anybody have the robot in an episode? The gate says so at every tick."""

from __future__ import annotations

from il_core.errors import UserError
from il_core.types import NOBODY_CAME, Owner
from il_data.cdr import decode
from il_data.own_types import STATUS
from il_data.schema import definition, fields_of

DRIVERS = (Owner.POLICY, Owner.HUMAN)
NOBODY_DROVE = 'nobody drove: neither policy nor human ever had the robot'


def driven(status: bytes, episode_id: str, schema: str = '') -> bool:
    """Return whether somebody has the robot in this episode, in the words of one serialized
    GateStatus; of one that nobody can read, True.

    Args:
        status: as it was sent.
        episode_id: empty: in whatever episode it is of.
        schema: of the message; empty: the installed one.
    """
    try:
        fields = fields_of(STATUS, schema or definition(STATUS).text)
        told = decode([status], fields, STATUS)[0].message
    except UserError:
        return True
    return bool(told.owner[0] in DRIVERS and episode_id in ('', told.episode_id))


def useless(anybody: bool, reason: str) -> str:
    """Return why nothing can be learned from an episode, empty where something can. That nobody
    came when the gate asked (`reason` of the outcome) says something of policy and human."""
    return '' if anybody or reason == NOBODY_CAME else NOBODY_DROVE
