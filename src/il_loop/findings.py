"""What the node for jobs finds about itself."""

from __future__ import annotations

import enum

from il_core.findings import Findings


@enum.unique
class JobFindings(Findings):
    """How the job goes."""

    FAILED = (
        'ERROR',
        '{job}: {message}',
        'the job ended without a result, or its result was not put in place',
        'put that right, then `il call jobs/train`; `il round RUN` shows the same in a terminal',
    )
    NONE = ('OK', 'no job yet', 'jobs/train starts one')
    FINE = ('OK', '{job}: {message}', 'it goes on, is done, or was cancelled')
