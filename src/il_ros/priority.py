"""Real-time scheduling of a process, where the system allows it."""

from __future__ import annotations

import os
from pathlib import Path

from il_core.errors import UserError

THREADS = Path('/proc/self/task')


def raise_priority(priority: int) -> None:
    """Run every thread of this process under SCHED_FIFO; those made later inherit it.

    Args:
        priority: 1 to 99; 0 changes nothing.

    Raises:
        UserError: the system does not permit it, or has no such thing.
    """
    if priority == 0:
        return
    if not hasattr(os, 'sched_setscheduler') or not THREADS.exists():
        raise UserError('parameter realtime_priority', priority, 'exists on Linux only; use 0')
    try:
        for thread in THREADS.iterdir():
            param = os.sched_param(priority)
            os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, param)
    except PermissionError as error:
        rule = (
            'is not permitted to this user: it needs an rtprio limit in /etc/security/limits.conf '
            '(`ulimit -r` shows it); 0 runs without'
        )
        raise UserError('parameter realtime_priority', priority, rule) from error
