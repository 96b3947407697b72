"""The recorder under load: what is lost, what it costs, what a kill -9 takes.

    python benchmarks/recorder_load.py --seconds 60
    python benchmarks/recorder_load.py --parts load --seconds 10

Sources and recorder are real processes: JointState at 1 kHz, a camera of 640x480 at 30 Hz, and
every other recorded topic at 50 Hz. What was lost is counted from outside: the senders' own
counts against the publication numbers in the bag. Four parts:

load     nothing is injected. Bars: 0 lost, verdict OK, at most 50 % of a core.
dropped  messages of known numbers are thrown away in front of the recorder's callback.
stalled  the recorder is stopped (SIGSTOP) for longer than its queues last.
killed   SIGKILL in the middle, then repair; under full load, and with 5 Hz and no camera,
         where chunks fill slowly. Bar: at most 0.5 s are missing at the end.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import measure
import numpy as np
import processes
import rclpy
from recorder_rig import HZ, Client, Rig, compare, numbers

from il_data.repair import repair
from il_ros import environment

PARTS = ('load', 'dropped', 'stalled', 'killed')
LITTLE = {'joints': 5.0, 'ticks': 5.0}
BARS = {'lost': 0, 'cpu_percent': 50.0, 'missing_s': 0.5}
DROPPED = {'joint_states': 200, 'command': 7, 'image_raw': 5}
STALL_S = 3.0


def loaded(rig: Rig, seconds: float) -> dict[str, Any]:
    """Record for `seconds`, with nothing injected."""
    with rig:
        bag = rig.start()
        with processes.Watcher({'recorder': rig.recorder.pid}, 1.0) as watcher:
            time.sleep(seconds)
        sent = rig.silence()
        done = rig.stop(bag)
        slow = rig.probe()['slow_ms']
    size = sum(path.stat().st_size for path in bag.iterdir())
    shares = watcher.shares('recorder')
    return {
        **compare(bag, done, sent),
        'seconds': seconds,
        'cpu_percent': {
            'n': len(shares),
            'median': float(np.median(shares)),
            'mean': float(np.mean(shares)),
            'max': max(shares),
        },
        'rss_mb': watcher.looks['recorder'][-1].rss_mb,
        'bytes': size,
        'slow_writes': {'above_ms': 1.0, 'n': len(slow), 'max_ms': max(slow, default=0.0)},
    }


def dropped(rig: Rig, seconds: float, seed: int) -> dict[str, Any]:
    """Throw away messages of known numbers, seconds after the start."""
    rng = np.random.default_rng(seed)
    hz = {'joint_states': HZ['joints'], 'image_raw': HZ['camera']}
    for topic, count in DROPPED.items():
        rate_hz = hz.get(topic, HZ['ticks'])
        # Sources begin a few seconds before the episode does.
        span = np.arange(round(10 * rate_hz), round((10 + seconds / 2) * rate_hz))
        chosen = rng.choice(span, count, replace=False).tolist()
        rig.drops[f'{rig.namespace}/{topic}'] = sorted(chosen)
    with rig:
        bag = rig.start()
        time.sleep(10 + seconds / 2)
        sent = rig.silence()
        done = rig.stop(bag)
        gone = {name: len(n) for name, n in rig.probe()['dropped'].items()}
    result = compare(bag, done, sent)
    exact = {name: result['topics'][name]['counted'] == n for name, n in gone.items()}
    return {**result, 'dropped': gone, 'exact': exact}


def stalled(rig: Rig, seconds: float, stall_s: float) -> dict[str, Any]:
    """Stop the recorder's process for longer than its queues last."""
    with rig:
        bag = rig.start()
        time.sleep(seconds / 3)
        rig.recorder.send_signal(signal.SIGSTOP)
        time.sleep(stall_s)
        rig.recorder.send_signal(signal.SIGCONT)
        time.sleep(seconds / 3)
        sent = rig.silence()
        done = rig.stop(bag)
    return {**compare(bag, done, sent), 'stall_s': stall_s}


def killed(rig: Rig, seconds: float) -> dict[str, Any]:
    """Kill the recorder. Returns the verdict after repair, and the seconds missing at the end of
    every topic: from when the message after its last one in the bag was due to the kill."""
    with rig:
        bag = rig.start()
        time.sleep(seconds)
        rig.recorder.send_signal(signal.SIGKILL)
        killed_ns = time.time_ns()
        rig.recorder.wait()
        rig.silence()
    done = repair(bag)
    _, last = numbers(bag)
    missing_s = {
        topic: max((killed_ns - stamp) / 1e9 - rig.period_s(topic), 0.0)
        for topic, stamp in sorted(last.items())
    }
    return {'verdict': done.verdict.value, 'reasons': list(done.reasons), 'missing_s': missing_s}


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Run the parts asked for, at a share of the rates."""
    parts, seconds, seed = args.parts, args.seconds, args.seed
    full = {kind: rate_hz * args.share for kind, rate_hz in HZ.items()}
    result: dict[str, Any] = {}
    client = Client()
    with tempfile.TemporaryDirectory() as name:

        def rig(part: str, hz: Mapping[str, float] = full) -> Rig:
            return Rig(client, Path(name) / part, hz)

        if 'load' in parts:
            result['load'] = loaded(rig('load'), seconds)
        if 'dropped' in parts:
            result['dropped'] = dropped(rig('dropped'), min(seconds, 10.0), seed)
        if 'stalled' in parts:
            result['stalled'] = stalled(rig('stalled'), min(seconds, 10.0), args.stall)
        if 'killed' in parts:
            result['killed'] = {}
            waits = np.random.default_rng(seed).uniform(2.0, 3.0, args.kills)
            for what, hz in {'everything': full, 'little': LITTLE}.items():
                result['killed'][what] = [
                    killed(rig(f'{what}{k}', hz), wait) for k, wait in enumerate(waits)
                ]
    environment.clean_shared_memory()
    return result


def main() -> None:
    parser = measure.parser(__doc__, 'recorder_load')
    parser.add_argument('--seconds', type=float, default=60.0)
    parser.add_argument('--kills', type=int, default=5)
    parser.add_argument('--stall', type=float, default=STALL_S, help='seconds of part stalled')
    parser.add_argument('--share', type=float, default=1.0, help='of the rates')
    parser.add_argument('--parts', nargs='+', default=PARTS, choices=PARTS)
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '42')
    environment.use_transport(images=True)
    rclpy.init(args=[])
    result = run(args)
    rclpy.try_shutdown()
    report(result)
    measure.write(
        args.out, {'seed': args.seed, 'rates_hz': HZ, 'share': args.share, 'bars': BARS, **result}
    )


def report(result: Mapping[str, Any]) -> None:
    """Print what was found."""
    for part in ('load', 'dropped', 'stalled'):
        if part not in result:
            continue
        found = result[part]
        print(f'{part}: verdict {found["verdict"]}, {found["lost"]} missing, ', end='')
        print(f'counted exactly: {found["equal"]}', *found['reasons'][:3], sep='\n  ')
        for name, row in found['topics'].items():
            print(f'  {name:<26}', *(f'{key} {value:<8}' for key, value in row.items()))
    if 'load' in result:
        cpu, found = result['load']['cpu_percent'], result['load']
        print(f'recorder: {cpu["median"]:.1f} % of a core, max {cpu["max"]:.1f}, n {cpu["n"]}; ')
        print(f'  {found["bytes"] / 1e6:.0f} MB; slow writes {found["slow_writes"]}')
    for what, runs in result.get('killed', {}).items():
        worst = [max(run['missing_s'].items(), key=lambda item: item[1]) for run in runs]
        said = ', '.join(f'{name.rpartition("/")[2]} {s:.3f} s' for name, s in worst)
        print(f'killed while it recorded {what}: missing at most {said}')


if __name__ == '__main__':
    main()
