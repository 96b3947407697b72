"""What the policy node finds about itself."""

from __future__ import annotations

import enum

from il_core.findings import Finding, Findings
from il_core.types import Proposal


@enum.unique
class PolicyFindings(Findings):
    """What the policy finds about its observations and itself."""

    UNTICKED = (
        'WARN',
        'no tick yet',
        'no observed stream has come',
        'start what publishes them: `ros2 topic hz` of {topics}',
    )
    BLIND = (
        'ERROR',
        '{fault}',
        'an observed stream is missing, too old, of another clock, or cannot be decoded',
        'see that it comes at its rate: `ros2 topic hz`; `il doctor --only transport` where it is '
        'sent and does not arrive; synchronise clocks (chrony) where it is stamped ahead',
    )
    FAULTY = (
        'ERROR',
        '{fault}',
        'the policy gave no action that may be sent',
        'run another checkpoint: `il swap CHECKPOINT`, or `il swap --rollback`',
    )
    PROPOSES = ('OK', 'proposes', 'observations come in, proposals go out')


def found(proposal: Proposal) -> Finding:
    """Return what a proposal says about observations and policy."""
    if proposal.frame.fault:
        return PolicyFindings.BLIND(fault=proposal.fault)
    if proposal.fault:
        return PolicyFindings.FAULTY(fault=proposal.fault)
    return PolicyFindings.PROPOSES()
