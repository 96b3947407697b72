"""Run something in a Python of its own: what breaks there does not break the doctor."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

COLOURS = re.compile(r'\x1b?\[[0-9;]*m')


class Done(NamedTuple):
    """How a process ended. `complaint` is the last line on stderr, or that it took too long."""

    code: int
    out: str
    complaint: str
    seconds: float


def run_python(args: Sequence[str], environ: Mapping[str, str], limit_s: float) -> Done:
    """Run `python *args` to its end, at most `limit_s` seconds."""
    begun_s = time.monotonic()
    process = start_python(args, environ)
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Done(-1, '', f'no answer within {limit_s:g} s', limit_s)
    return Done(process.returncode, out, last_line(err), time.monotonic() - begun_s)


def start_python(args: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start `python *args` with pipes for all three streams."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *args],
        env=dict(environ),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        errors='replace',
    )


def answer_of(text: str) -> dict[str, Any]:
    """Return the JSON of the last line: Fast DDS puts its errors on stdout, too. Raises ValueError
    where there is none."""
    found: dict[str, Any] = json.loads(last_line(text))
    return found


def last_line(text: str) -> str:
    """Return the last line that says something, without colours."""
    lines = [COLOURS.sub('', line).strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), 'it said nothing')
