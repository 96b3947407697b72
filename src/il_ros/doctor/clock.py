"""Do clocks run evenly, and does this machine wake up in time?"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np

from il_ros.doctor.api import Result, Settings, fail, ok, warn

RATES_HZ = (50.0, 100.0)
SPAN_S = 2.0
JUMP_S = 0.005
TIME_ERROR = 5  # of adjtimex: the clock is not synchronised
TIMEX_BYTES = 256


def check(settings: Settings) -> Iterator[Result]:
    before_ns = time.time_ns() - time.monotonic_ns()
    late_s = _lateness()
    jump_s = abs(time.time_ns() - time.monotonic_ns() - before_ns) * 1e-9
    yield _jump(jump_s)
    yield _load()
    for rate_hz, values in late_s.items():
        yield _jitter(rate_hz, values)
    yield from _synchronised()


def _jump(jump_s: float) -> Result:
    resolution_ns = time.get_clock_info('monotonic').resolution * 1e9
    finding = f'system and steady clock part by {jump_s * 1e3:.2f} ms in {SPAN_S:g} s'
    if jump_s > JUMP_S:
        remedy = 'stop what sets the clock in steps (ntpdate, VM tools); let chrony slew it'
        return warn('clocks', finding, remedy)
    return ok('clocks', f'{finding}, resolution {resolution_ns:g} ns')


def _load() -> Result:
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    finding = f'load {load:.1f} on {cores} cores'
    if load > 1.5 * cores:
        return warn('load', finding, 'stop what else runs here, or run it with `nice -n 19`')
    return ok('load', finding)


def _jitter(rate_hz: float, late_s: list[float]) -> Result:
    p50, p99 = (float(q) for q in np.quantile(late_s, (0.5, 0.99)))
    what = f'timer at {rate_hz:g} Hz'
    finding = f'{p50 * 1e3:.2f} ms late at p50, {p99 * 1e3:.2f} ms at p99 (n {len(late_s)})'
    remedy = 'close what else runs here, switch power saving off, or use a slower rate'
    if p50 > 0.5 / rate_hz:
        return fail(what, finding, remedy)
    return warn(what, finding, remedy) if p99 > 0.5 / rate_hz else ok(what, finding)


def _lateness() -> dict[float, list[float]]:
    """Return by how many seconds a loop at each rate woke too late, all rates at once."""
    late_s: dict[float, list[float]] = {rate_hz: [] for rate_hz in RATES_HZ}

    def loop(rate_hz: float) -> None:
        begun_s = time.monotonic()
        for tick in range(1, round(SPAN_S * rate_hz) + 1):
            due_s = begun_s + tick / rate_hz
            time.sleep(max(due_s - time.monotonic(), 0.0))
            late_s[rate_hz].append(time.monotonic() - due_s)

    threads = [threading.Thread(target=loop, args=(rate_hz,)) for rate_hz in RATES_HZ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return late_s


def _synchronised() -> Iterator[Result]:
    """Ask the kernel. Linux only; elsewhere nothing is said."""
    if sys.platform != 'linux':
        return
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    if state == TIME_ERROR:
        finding = 'the kernel says: not synchronised; stamps of several machines will not agree'
        yield warn('time of day', finding, 'one machine: nothing to do; several: run chrony')
    elif state < 0:
        yield warn('time of day', 'the kernel does not tell', 'several machines: run chrony')
    else:
        yield ok('time of day', 'synchronised')
