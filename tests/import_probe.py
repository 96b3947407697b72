"""Run in a fresh interpreter by test_imports.py: import modules one by one and say what each did.

Input: a JSON object on stdin with `modules` to import, `forbidden` top-level packages whose
import raises, and `preload`, packages whose own side effects are not ours. Prints a JSON list of
complaints.
"""

from __future__ import annotations

import importlib
import importlib.abc
import json
import os
import signal
import sys
import threading
import traceback
import types

WRITES = ('os.mkdir', 'os.rename', 'os.remove', 'os.putenv', 'os.unsetenv', 'os.chdir')
STARTS = ('subprocess.Popen', 'os.fork', 'os.exec', 'os.posix_spawn', 'socket.connect')
complaints: list[str] = []
current = ''


class Forbid(importlib.abc.MetaPathFinder):
    def __init__(self, names: list[str]) -> None:
        self.names = set(names)

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name.split('.')[0] in self.names:
            raise ImportError(f'{name} must not be needed here')


def audit(event: str, args: tuple[object, ...]) -> None:
    """Note what a module does to the world while it is imported."""
    noted = event in (*WRITES, *STARTS) or (event == 'open' and _writes(args))
    if current and noted and _ours(sys._getframe(1)):
        complaints.append(f'{current}: {event} {args[0]!r}')


def _ours(frame: types.FrameType | None) -> bool:
    """True where the nearest caller outside the standard library is a module of ours."""
    stdlib = os.path.dirname(os.__file__)
    while frame:
        file = frame.f_code.co_filename
        if not file.startswith('<') and ('site-packages' in file or not file.startswith(stdlib)):
            return f'{os.sep}il_' in file and 'site-packages' not in file
        frame = frame.f_back
    return False


def _writes(args: tuple[object, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return bool(set(mode) & set('wax+'))
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def state() -> dict[str, object]:
    import random

    return {
        'threads': sorted(t.name for t in threading.enumerate()),
        'signal handlers': [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
        'environment': dict(os.environ),
        'random state': random.getstate(),
        'sys.path': list(sys.path),
    }


def probe(module: str) -> None:
    global current
    before, current = state(), module
    try:
        importlib.import_module(module)
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        complaints.append(f'{module}: {type(error).__name__}: {error} ({at.filename}:{at.lineno})')
    finally:
        current = ''
    after = state()
    complaints.extend(f'{module}: changed {k}' for k in before if before[k] != after[k])


def preload(names: list[str]) -> None:
    """Import packages that are not ours, unheard."""
    said = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1), os.dup2(silence, 2)
    for name in names:
        importlib.import_module(name)
    sys.stdout.flush()
    os.dup2(said, 1), os.dup2(said, 2)


def main() -> None:
    del sys.path[0]  # this file's folder, in which il_core and its like are tests
    job = json.load(sys.stdin)
    result = os.dup(1)
    os.dup2(2, 1)  # what modules say, in Python or in C, goes to stderr and is seen there
    preload(job['preload'])
    sys.meta_path.insert(0, Forbid(job['forbidden']))
    sys.addaudithook(audit)
    for module in job['modules']:
        probe(module)
    sys.stdout.flush()
    with os.fdopen(result, 'w') as file:
        json.dump(complaints, file)
    os._exit(0)  # a thread that a module started must not keep the report back


main()
