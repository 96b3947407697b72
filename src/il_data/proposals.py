"""What a serialized Proposal says about itself."""

from __future__ import annotations

from il_data.cdr import decode
from il_data.schema import definition, fields_of

PROPOSAL = 'interactive_il/msg/Proposal'


def ids_of(data: bytes, schema: str = '') -> tuple[str, str]:
    """Return (checkpoint id, spec hash); both empty where `data` is.

    Args:
        data: one serialized Proposal.
        schema: its definition; empty: the installed one.
    """
    if not data:
        return '', ''
    text = schema or definition(PROPOSAL).text
    message = decode([data], fields_of(PROPOSAL, text), PROPOSAL)[0].message
    return getattr(message, 'checkpoint_id', ''), getattr(message, 'spec_hash', '')
