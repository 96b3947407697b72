"""The stages of `il demo`: what runs as which process, and what is there already."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from il_core.errors import UserError
from il_core.structure import differences, plain
from il_data.atomic import read_json, write_json
from il_loop.evaluate import Comparison, compare, from_episodes, save, seed_spans
from il_loop.report_data import trusted
from il_loop.run_folder import RunFolder

if TYPE_CHECKING:
    from il_loop.rounds import RoundConfig

SETTINGS = 'demo.json'
COLLECT, REAL_TIME, EVALUATE = 1_000, 9_000, 10_000  # seeds, counted from that of the demo
# More than these and two of its sessions share seeds: it would be judged on what it learned from.
MOST = {'demos': COLLECT, 'episodes': COLLECT, 'rounds': REAL_TIME // COLLECT - 1}
STOP_S = 20.0  # for a graph to stop after Ctrl-C
THREADS = 2  # of a training, which change no bit of it
TAIL = 15  # lines of a failed command to show
DOMAINS = 102  # from here on their ports may be taken by other programs


@dataclass(frozen=True)
class Settings:
    """Everything that decides what the demo does; kept in its run folder."""

    task: str = 'peg_insert'
    gate: str = 'thrifty_dagger'
    gate_params: str = '{calibration: budget}'
    seed: int = 0
    demos: int = 30
    rounds: int = 2
    episodes: int = 20
    evaluations: int = 50
    alpha: float = 0.01
    handover: str = 'request'
    reaction_s: float = 0.25
    epochs: float = 200.0

    def __post_init__(self) -> None:
        for name in ('demos', 'rounds', 'episodes', 'evaluations'):
            if getattr(self, name) < 1:
                raise UserError(f'--{name}', getattr(self, name), 'must be at least 1')
        for name, most in MOST.items():
            if getattr(self, name) > most:
                rule = f'must be at most {most}, or its sessions share seeds'
                raise UserError(f'--{name}', getattr(self, name), rule)

    @property
    def round_config(self) -> RoundConfig:
        from il_loop.rounds import RoundConfig  # needs torch, which the report does not
        from il_policy.bc import BcConfig
        from il_policy.critic import CriticConfig

        threads = min(os.cpu_count() or 1, THREADS)
        bc, critic = BcConfig(epochs=self.epochs, threads=threads), CriticConfig(threads=threads)
        return RoundConfig(bc, self.gate, self.alpha, critic, seed=self.seed)


# Smaller in everything: an easier task that three demonstrations begin to solve.
QUICK = Settings('reach', 'novelty', '', demos=3, episodes=10, alpha=0.2)


@dataclass(frozen=True)
class Session:
    """One `il collect` with a graph of its own: which episodes, with whom, into which folder."""

    run: RunFolder
    seeds: Sequence[int]
    options: tuple[str, ...]
    policy: str = ''  # checkpoint id, without which an episode is none of these; empty: any

    @property
    def command(self) -> tuple[str, ...]:
        """Arguments of `il`."""
        seeds = seed_spans(self.seeds).replace(' ', '')
        where = ('--run', str(self.run.path), '--seeds', seeds)
        again = ('--again',) if self.policy else ()  # another policy's may be there
        return ('collect', *where, *again, '--start-graph', *self.options)


def keep_settings(run: RunFolder, settings: Settings) -> None:
    """Note the settings in the run folder. Raises UserError where it was begun with others."""
    path = run.path / SETTINGS
    now = plain(settings)
    if path.is_file():
        changed = differences(read_json(path), now)
        if changed:
            rule = f'was begun with other settings ({"; ".join(changed)}); choose another --name'
            raise UserError('run folder', str(run.path), rule)
        return
    if run.bags.exists() or run.rounds():
        raise UserError('run folder', str(run.path), 'is not of a demo; choose another --name')
    run.path.mkdir(parents=True, exist_ok=True)
    write_json(path, now)


def demonstrations(run: RunFolder, s: Settings) -> Session:
    """The scripted operator drives, over the joystick."""
    options = ('--mode', 'demonstrate', '--lockstep', '--handover', 'instant')
    return Session(run, range(s.seed, s.seed + s.demos), (*_task(s), *options))


def interactive(run: RunFolder, s: Settings, number: int) -> Session:
    """The policy of round `number` drives, the gate calls the operator."""
    first = s.seed + COLLECT * (number + 1)
    options = (*_assisted(run, s, number), '--lockstep')
    return Session(run, range(first, first + s.episodes), options)


def real_time(run: RunFolder, s: Settings) -> Session:
    """One episode on the wall clock with the last policy, in a folder of its own."""
    first = s.seed + REAL_TIME
    return Session(run.real_time, range(first, first + 1), _assisted(run, s, s.rounds))


def alone(run: RunFolder, s: Settings, number: int, policy: str = '') -> Session:
    """The policy of round `number` without help, the same seeds for every round."""
    first = s.seed + EVALUATE
    options = ('--checkpoint', str(run.checkpoint(number)), '--gate', 'policy_only')
    return Session(
        run.evaluated(number),
        range(first, first + s.evaluations),
        (*_task(s), *options, '--operator', 'none', '--lockstep'),
        policy,
    )


def conclude(run: RunFolder, s: Settings) -> Comparison:
    """Compare the last round with the first from the bags of this run, and keep the result."""
    sides = [
        from_episodes(
            trusted(run.evaluated(number), run.read_round(number).checkpoint_id), label=label
        )
        for number, label in ((0, 'initial BC'), (s.rounds, f'round {s.rounds}'))
    ]
    found = compare(*sides)
    save(found, run.evaluation / 'comparison.json')
    return found


def il(*commands: Sequence[str]) -> None:
    """Run `il` commands side by side, each a process with a ROS domain of its own; their progress
    goes to the terminal.

    Raises:
        UserError: one failed; shows the end of what it said.
        KeyboardInterrupt: after they have stopped.
    """
    with contextlib.ExitStack() as open_files:
        # Not pipes: nobody reads the one of a process while another one is waited for.
        said = [open_files.enter_context(tempfile.TemporaryFile('w+')) for _ in commands]
        pairs = zip(commands, said, strict=True)
        processes = [_start(*pair, number) for number, pair in enumerate(pairs)]
        try:
            for process in processes:
                process.wait()
        except KeyboardInterrupt:
            for process in processes:
                _stop(process)
            raise
        for command, process, words in zip(commands, processes, said, strict=True):
            if process.returncode == 130:
                raise KeyboardInterrupt
            if process.returncode:
                words.seek(0)
                last = '\n'.join(words.read().splitlines()[-TAIL:])
                rule = f'failed; run the same demo again to go on from here\n{last}'
                raise UserError('command', f'il {" ".join(command)}', rule)


def domain(number: int = 0) -> str:
    """Return the ROS_DOMAIN_ID of the demo's graph `number`: the user's (and those after it),
    otherwise ones of its own, so that two demos on one network do not meet."""
    first = int(os.environ.get('ROS_DOMAIN_ID') or 10 + os.getpid() % 90)
    return str(first + number if first + number < DOMAINS else first - number)


def _start(command: Sequence[str], said: TextIO, number: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, 'ROS_DOMAIN_ID': domain(number)}
    words = (sys.executable, '-m', 'il_core.cli', *command)
    return subprocess.Popen(words, stdout=said, env=environment)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that Ctrl-C has reached, too."""
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _task(s: Settings) -> Sequence[str]:
    return ('--task', s.task)


def _assisted(run: RunFolder, s: Settings, number: int) -> tuple[str, ...]:
    return (
        *_task(s),
        *('--checkpoint', str(run.checkpoint(number)), '--gate', s.gate),
        *('--operator', 'scripted', '--handover', s.handover),
        *('--set', f'operator.reaction_s={s.reaction_s}'),
        *(('--set', f'gate.gate_params={s.gate_params}') if s.gate_params else ()),
    )
