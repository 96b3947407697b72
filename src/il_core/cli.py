"""`il`: one command line; every subcommand is one line here and is imported only when it is
used."""

from __future__ import annotations

import errno
import os
import sys

from il_core.errors import UserError
from il_core.extras import refusal
from il_core.registry import Registry

# name -> `module:main`, called as main(argv: list[str]) -> exit code. A command has a line in
# SUMMARIES, too, so that `il --help` imports none of them.
COMMANDS = Registry(
    'il command',
    {
        'bags': 'il_data.cli:main',
        'call': 'il_ros.call_cli:main',
        'collect': 'il_ros.collect_cli:main',
        'demo': 'il_loop.demo_cli:main',
        'doctor': 'il_ros.doctor.cli:main',
        'evaluate': 'il_loop.cli:evaluate',
        'gate': 'il_loop.gate_cli:main',
        'joystick': 'il_teleop.device.cli:main',
        'report': 'il_loop.cli:report',
        'round': 'il_loop.train_cli:round_',
        'run': 'il_ros.run_cli:main',
        'swap': 'il_ros.swap_cli:main',
        'train': 'il_loop.train_cli:train',
    },
)

SUMMARIES = {
    'bags': 'look at, explain, check and repair recorded episodes',
    'call': 'call a service of a running graph: episodes, gate, simulator, jobs',
    'collect': 'run episodes on a running graph and record them',
    'demo': 'the whole loop on this machine, with a report at the end',
    'doctor': 'what is wrong with this machine or the running graph, and what to do',
    'evaluate': 'success rate of a checkpoint with n, interval and seeds',
    'gate': 'replay a gate over recorded episodes: requests, what they catch, what they cost',
    'joystick': 'list joysticks, show their numbers, make a mapping for one',
    'report': 'one self-contained HTML page of a run folder',
    'round': 'retrain from the bags of a run folder: aggregate, train, refit the gate',
    'run': 'start the graph of nodes without the launch package',
    'swap': 'let a running graph run another checkpoint',
    'train': 'clone a policy from recorded demonstrations',
}


BROKEN_PIPE = 141  # as a shell has it for a program that SIGPIPE ended
# What to do about an error of the system, by its number.
REMEDIES = (
    ((errno.ENOSPC, errno.EDQUOT), '; make room there and run the same command again'),
    ((errno.EFBIG,), '; raise the limit (ulimit -f) and run the same command again'),
    ((errno.EACCES, errno.EPERM, errno.EROFS), '; make it writable, or choose another place'),
    ((errno.EMFILE, errno.ENFILE), '; raise the limit of open files (ulimit -n)'),
)


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand. Errors of the user are printed as one line, exit code 2; those of the
    system (a full disk) too, exit code 1."""
    args = sys.argv[1:] if argv is None else argv
    if not args or args[0] in ('-h', '--help'):
        print(_usage())
        return 0 if args else 2
    try:
        code = int(COMMANDS.load(args[0])(args[1:]) or 0)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f'il {args[0]}: {error}', file=sys.stderr)
        return 2
    except ImportError as error:
        if (refused := refusal(error)) is None:
            raise
        print(f'il {args[0]}: {refused}', file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads what is printed has seen enough (`il … | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return BROKEN_PIPE
    except OSError as error:
        print(f'il {args[0]}: {_refusal(error)}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _refusal(error: OSError) -> str:
    """Return what the system has against what, and what to do."""
    where = f'{error.filename}: ' if error.filename else ''
    what = error.strerror or str(error) or type(error).__name__
    remedy = next((words for numbers, words in REMEDIES if error.errno in numbers), '')
    return f'{where}{what}{remedy}'


def _usage() -> str:
    lines = [f'  {name:<10} {SUMMARIES[name]}' for name in COMMANDS.names()]
    return '\n'.join(
        [
            'usage: il COMMAND [options]',
            '',
            *lines,
            '',
            'il COMMAND --help shows options and an example.',
        ]
    )


if __name__ == '__main__':
    sys.exit(main())
