"""Bags to tensors: samples a second at the first read and from the cache.

A sample is one step of the task reach as a lockstep graph records it: the five own topics, all
state streams, the robot's command topics and joy. Prints a table and writes JSON.

    python benchmarks/read_speed.py --episodes 20 --steps 120
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rclpy.serialization import serialize_message
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import Joy

from il_core.align import Aligner
from il_core.load import load_spec
from il_core.types import (
    NS_PER_S,
    Cause,
    Command,
    ExpertAction,
    GateState,
    Mode,
    Outcome,
    Owner,
    Proposal,
)
from il_data.bag import Arrival, Qos
from il_data.contents import read_mcap
from il_data.dataset import labels
from il_data.frames import stream_samples
from il_data.manifest import load, spec_of
from il_data.plan import recorded
from il_data.read import bag_folders, read_episodes
from il_data.record import Recorder
from il_data.repair import mcap_file
from il_data.steps import extract
from il_ros.build import build_commands, build_stream, header
from il_ros.messages import command_to_msg, expert_to_msg, proposal_to_msg, state_to_msg
from il_ros.topics import topics

TARGETS = {'first read': 10_000, 'cached': 500_000}


class Writer:
    """A recorder that is fed made-up ticks of the task reach."""

    def __init__(self, folder: Path) -> None:
        self.spec = load_spec('reach')
        plan = [
            recorded(t.name, '/' + t.name.lstrip('/'), t.type, Qos(), self.spec, False, True)
            for t in topics(self.spec)
            if t.recorded
        ]
        self.recorder, self.now_ns = Recorder(folder, plan, self.spec), time.time_ns()
        self.rng = np.random.default_rng(0)

    def send(self, name: str, message: object) -> None:
        arrival = Arrival(bytes(serialize_message(message)), self.now_ns, self.now_ns, 0)
        self.recorder.arrive('/' + name, arrival, self.now_ns)

    def episode(self, seed: int, steps: int) -> None:
        episode_id = self.recorder.start(seed, 'benchmark', self.now_ns / NS_PER_S, self.now_ns)
        for step in range(steps):
            self.tick(step, episode_id, human=step > steps // 2)
        self.recorder.stop(Outcome.SUCCESS, '', self.now_ns, self.now_ns)
        self.recorder.finish()

    def tick(self, step: int, episode_id: str, human: bool) -> None:
        spec, stamp, aligner = self.spec, self.now_ns, Aligner(self.spec)
        for stream in spec.observed:
            values = self.rng.normal(size=len(stream.fields))
            aligner.push(stream.name, stamp, values)
            self.send(stream.topic, build_stream(stream, values, stamp))
        mode, owner = (Mode.SUPERVISOR, Owner.HUMAN) if human else (Mode.AUTONOMOUS, Owner.POLICY)
        action = self.rng.uniform(spec.low, spec.high)
        members = self.rng.normal(size=(5, len(action)))
        proposal = Proposal(
            aligner.frame(step, stamp), 'c' * 16, spec.hash, action, members.var(axis=0), members
        )
        expert = ExpertAction(stamp, action, human, 'joystick')
        state = GateState(
            step,
            stamp,
            mode,
            owner,
            Cause.NOVELTY,
            episode_id=episode_id,
            step=step,
            gate='novelty',
            scores={'novelty': float(step)},
            thresholds={'novelty': 1.0},
        )
        self.send('joy', Joy(header=header(stamp), axes=[0.1] * 6, buttons=[0] * 10))
        self.send('policy/proposal', proposal_to_msg(proposal))
        self.send('teleop/action', expert_to_msg(expert))
        for command, message in zip(
            spec.robot.commands, build_commands(spec, action, stamp), strict=True
        ):
            self.send(command.topic, message)
        sent = Command(step, stamp, action, mode, owner)
        self.send('command', command_to_msg(sent, spec.axis_names))
        self.send('gate/status', state_to_msg(state))
        self.now_ns += spec.period_ns


def everything(folder: Path) -> None:
    """Read every message, decode own topics and all state streams; nothing is cached."""
    for bag in bag_folders(folder):
        spec = spec_of(load(bag))
        contents = read_mcap(mcap_file(bag))
        extract(contents, spec)
        stream_samples(contents, spec, stamped=True)


def cached(folder: Path) -> None:
    labels(read_episodes(folder))


def rate(work: Callable[[Path], None], folder: Path, samples: int, repeats: int) -> list[float]:
    rates = []
    for _ in range(repeats):
        began = time.perf_counter()
        work(folder)
        rates.append(samples / (time.perf_counter() - began))
    return rates


def measure(episodes: int, steps: int, repeats: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as place:
        folder, samples = Path(place), episodes * steps
        began = time.perf_counter()
        writer = Writer(folder)
        for seed in range(episodes):
            writer.episode(seed, steps)
        writing = samples / (time.perf_counter() - began)
        size = sum(mcap_file(bag).stat().st_size for bag in bag_folders(folder))
        first = rate(everything, folder, samples, repeats)
        cached(folder)
        again = rate(cached, folder, samples, 3 * repeats)
    return {
        'what': __doc__.split('\n')[0],
        'episodes': episodes,
        'steps': steps,
        'repeats': repeats,
        'cpus': os.cpu_count(),
        'load_1min': round(os.getloadavg()[0], 1),
        'bytes_per_sample': round(size / samples),
        'build_and_write_per_s': round(writing),
        'first read_per_s': [round(r) for r in first],
        'cached_per_s': [round(r) for r in again],
        'targets_per_s': TARGETS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--episodes', type=int, default=20)
    parser.add_argument('--steps', type=int, default=120)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--out', type=Path, default=Path('docs/results/read_speed.json'))
    args = parser.parse_args()
    found = measure(args.episodes, args.steps, args.repeats)
    table = Table('', 'samples/s, median', 'worst', 'best', 'target')
    for name, target in TARGETS.items():
        rates = found[f'{name}_per_s']
        assert isinstance(rates, list)
        numbers = (statistics.median(rates), min(rates), max(rates), target)
        table.add_row(name, *(f'{n:,.0f}' for n in numbers))
    console = Console()
    console.print(table)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1) + '\n')
    console.print(f'n = {args.episodes} x {args.steps} samples; written to {args.out}')


if __name__ == '__main__':
    main()
