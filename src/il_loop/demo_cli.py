"""`il demo`: demonstrate, clone, correct in two rounds, evaluate in pairs, report; on real topics
between real processes."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import torch

from il_core.errors import UserError
from il_core.writable import check_writable
from il_data import manifest
from il_data.read import bag_folders, read_episode
from il_loop import demo
from il_loop.cli import CONSOLE
from il_loop.demo import QUICK, Session, Settings
from il_loop.demo_check import check
from il_loop.fits import CALLING
from il_loop.options import Defaults
from il_loop.probe import prober
from il_loop.report import write_report
from il_loop.report_page import points, rate
from il_loop.requests import spending
from il_loop.rounds import make_round, read_bags
from il_loop.run_folder import RunFolder
from il_loop.run_lock import demonstrating
from il_loop.stages_cli import Stages
from il_loop.train_cli import round_words, training_bar

FIXED_STAGES = 5  # beside two per round: demonstrations, BC, real time, evaluations, report
AT_ONCE = 2  # graphs side by side
NOT_SETTINGS = ('runs', 'name', 'no_pictures', 'quick')
TRIES = 3  # an episode whose recording is BAD is run again


def main(argv: list[str]) -> int:
    """Run the demo, or what is missing of it."""
    defaults = QUICK if '--quick' in argv else Settings()
    args = _parser(defaults).parse_args(argv)
    if args.gate_params is None:
        args.gate_params = defaults.gate_params if args.gate == defaults.gate else ''
    run = RunFolder(args.runs / args.name)
    settings = Settings(**{k: v for k, v in vars(args).items() if k not in NOT_SETTINGS})
    check(settings)
    check_writable('--runs', run.path)
    demo.keep_settings(run, settings)
    with demonstrating(run.path):
        return _run(run, settings, not args.no_pictures)


def _run(run: RunFolder, settings: Settings, pictures: bool) -> int:
    CONSOLE.print(
        f'A robot learns {settings.task} from a scripted human at the joystick, over ROS 2 topics '
        f'(ROS_DOMAIN_ID={demo.domain()}).\nEverything is kept in {run.path}; run this again '
        'after a stop and it goes on.'
    )
    torch.set_num_threads(1)  # nets and data are small: more threads wait for each other
    stages = Stages(FIXED_STAGES + 2 * settings.rounds, CONSOLE)
    try:
        _learn(stages, run, settings)
        _judge(stages, run, settings, pictures)
    except KeyboardInterrupt:
        CONSOLE.print('\nstopped; the same command goes on from here')
        return 130
    _conclude(run, settings, stages.elapsed_s)
    return 0


def _learn(stages: Stages, run: RunFolder, s: Settings) -> None:
    words = f'{s.demos} demonstrations over the joystick, recorded in lockstep'
    _collect(stages, words, demo.demonstrations(run, s))
    _train(stages, run, s, 0, 'Clone the demonstrations (BC) and fit the gate')
    for number in range(s.rounds):
        words = (
            f'{s.episodes} episodes with the policy of round {number}: the gate calls the human'
        )
        session = demo.interactive(run, s, number)
        _collect(stages, words, session)
        CONSOLE.print(f'    {_spent(session, s)}')
        words = f'Round {number + 1}: retrain from all bags and fit the gate again'
        _train(stages, run, s, number + 1, words)


def _judge(stages: Stages, run: RunFolder, s: Settings, pictures: bool) -> None:
    _collect(stages, 'One episode in real time', demo.real_time(run, s))
    names = ', '.join(['the initial BC', *(f'round {n + 1}' for n in range(s.rounds))])
    words = f'Evaluate each alone: {names}; {s.evaluations} episodes, the same seeds for all'
    rounds = [made for made in run.rounds() if made.number <= s.rounds]
    _collect(stages, words, *(demo.alone(run, s, r.number, r.checkpoint_id) for r in rounds))
    stages.run(
        'Report',
        lambda: '',
        lambda: f'{write_report(run, pictures=pictures).resolve()}',
    )


def _collect(stages: Stages, words: str, *sessions: Session) -> None:
    def missing() -> list[Session]:
        return [each for each in map(_lacking, sessions) if each.seeds]

    def work() -> str:
        for strange in filter(None, map(_strange, sessions)):
            CONSOLE.print(f'    {strange}')
        for _ in range(TRIES):
            while todo := missing()[:AT_ONCE]:
                demo.il(*(session.command for session in todo))
                if missing()[:AT_ONCE] == todo:
                    break  # some recordings are not sound
            if not missing():
                return '; '.join(_ended(session) for session in sessions)
        rule = f'have no sound recording after {TRIES} tries; see `il bags info`'
        raise UserError('seeds', f'{sessions[0].seeds[0]}-{sessions[-1].seeds[-1]}', rule)

    def present() -> str:
        return '' if missing() else f'{sum(len(each.seeds) for each in sessions)} bags are there'

    stages.run(words, present, work)


def _train(stages: Stages, run: RunFolder, s: Settings, number: int, words: str) -> None:
    def work() -> str:
        with training_bar() as step:
            episodes = read_bags(run)
            config = s.round_config
            probe = prober(episodes[0].spec, config, number)
            return round_words(make_round(run, episodes, config, step, probe, number))

    def present() -> str:
        there = [made.number for made in run.rounds()]
        if number not in there and number < run.next_number():
            rule = 'is gone, and later rounds are there: restore it, or choose another --name'
            raise UserError('round', str(run.round(number)), rule)
        return f'{run.round(number)} is there' if number in there else ''

    stages.run(words, present, work)


def _sound(session: Session) -> dict[int, Path]:
    """Return seed -> bag of the episodes of a session that are finished, soundly recorded, and of
    its policy where it names one."""
    found = {}
    for bag in bag_folders(session.run.bags):
        if (bag / manifest.FILE).is_file():
            known = manifest.load(bag)
            if known.finished and session.policy in ('', known.checkpoint_id):
                found[known.seed] = bag
    return {seed: found[seed] for seed in session.seeds if seed in found}


def _lacking(session: Session) -> Session:
    """Return the session of the seeds that have no such episode yet."""
    there = _sound(session)
    return replace(session, seeds=tuple(seed for seed in session.seeds if seed not in there))


def _strange(session: Session) -> str:
    """Say of how many seeds another policy's episodes are there instead; empty: none."""
    count = len(_sound(replace(session, policy=''))) - len(_sound(session))
    where = f'in {session.run.bags} {count} episodes are of another policy than the one now there'
    return f'{where}: recorded anew' if count else ''


def _ended(session: Session) -> str:
    counts = Counter(manifest.load(bag).outcome.name.lower() for bag in _sound(session).values())
    return ', '.join(f'{n} {outcome}' for outcome, n in counts.most_common())


def _spent(session: Session, s: Settings) -> str:
    """Say what the episodes took of the human, beside what the gate was allowed."""
    spent = spending([read_episode(bag) for bag in _sound(session).values()])
    return (
        f"asked {spent.requests} times, on {100 * spent.rate:.2f} % of the robot's steps (alpha "
        f'{100 * s.alpha:g} %); the human had {100 * spent.human_share:.0f} % of the ticks'
    )


def _conclude(run: RunFolder, s: Settings, took_s: float) -> None:
    found = demo.conclude(run, s)
    before, after = found.before, found.after
    CONSOLE.print(
        f'\n[bold]{before.label}: {rate(before.success)} → {after.label}: {rate(after.success)}[/]'
        f'\n[bold]improvement {points(found.difference)}[/], 95 % interval, '
        f'{found.difference.n} paired seeds, from the bags in {run.evaluation}'
        f'\nreport: {run.report.resolve()}\n[dim]{took_s:.0f} s in all[/]'
    )


def _parser(d: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='il demo',
        description=__doc__,
        epilog='example: il demo --runs /tmp/runs --seed 7',
        formatter_class=Defaults,
        allow_abbrev=False,  # half of --quick would be one, but not choose its defaults
    )
    parser.add_argument('--runs', type=Path, default=Path('runs'), help='where run folders are')
    name = 'quick' if d is QUICK else 'demo'
    parser.add_argument('--name', default=name, help='name of the run folder')
    parser.add_argument(
        '--quick', action='store_true', help='task reach, gate novelty, 3 to 5 minutes'
    )
    parser.add_argument('--task', default=d.task, help='a simulated task')
    parser.add_argument('--gate', default=d.gate, choices=CALLING, help='who is to ask')
    params = f'its parameters (default: {d.gate_params or "none"}'
    params += f'; of another gate than {d.gate} none)' if d.gate_params else ')'
    parser.add_argument('--gate-params', help=params)
    parser.add_argument('--seed', type=int, default=d.seed, help='everything random follows')
    parser.add_argument('--demos', type=int, default=d.demos, help='demonstrations')
    parser.add_argument('--rounds', type=int, default=d.rounds, help='interactive rounds')
    parser.add_argument('--episodes', type=int, default=d.episodes, help='episodes per round')
    parser.add_argument('--evaluations', type=int, default=d.evaluations, help='paired seeds')
    parser.add_argument('--alpha', type=float, default=d.alpha, help='share of states to ask on')
    parser.add_argument('--handover', default=d.handover, help='request or instant')
    parser.add_argument(
        '--reaction-s',
        type=float,
        default=d.reaction_s,
        help='reaction time of the scripted human, in seconds',
    )
    parser.add_argument(
        '--epochs', type=float, default=d.epochs, help='passes over the labels in every training'
    )
    parser.add_argument('--no-pictures', action='store_true', help='a report without pictures')
    return parser
