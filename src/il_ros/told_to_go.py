"""Being told to go: by Ctrl-C, by whoever started this, or by a terminal that closes."""

from __future__ import annotations

import signal
from collections.abc import Callable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# For what a node has to close. `ros2 launch` kills after 15 s, without a word of where it was.
LONGEST_CLOSE_S = 12.0


def on_stop(handler: Callable[[], None]) -> None:
    """Call `handler` at each of SIGNALS. Where nohup had SIGHUP ignored, it stays so."""
    for number in SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, lambda *_: handler())
