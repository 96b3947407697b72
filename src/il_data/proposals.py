"""What a serialized Proposal says about itself."""

from __future__ import annotations

from typing import NamedTuple

from il_core.errors import UserError
from il_data.cdr import decode
from il_data.schema import definition, fields_of

PROPOSAL = 'interactive_il/msg/Proposal'


class Ids(NamedTuple):
    """Whose a proposal is; both empty where it does not say. `problem`: why nobody can read it."""

    checkpoint_id: str = ''
    spec_hash: str = ''
    problem: str = ''


def ids_of(data: bytes, schema: str = '') -> Ids:
    """Return what `data` says. A message that does not fit its definition is a problem, and no
    reason to lose the episode around it.

    Args:
        data: one serialized Proposal; empty: none came.
        schema: its definition; empty: the installed one.
    """
    if not data:
        return Ids()
    text = schema or definition(PROPOSAL).text
    try:
        message = decode([data], fields_of(PROPOSAL, text), PROPOSAL)[0].message
    except UserError as error:
        return Ids(problem=str(error))
    return Ids(getattr(message, 'checkpoint_id', ''), getattr(message, 'spec_hash', ''))
