"""What follows from a cell of gates.py beyond what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gates_methods import METHODS

from il_core.errors import UserError

Cell = Mapping[str, Any]


def asked(row: Mapping[str, Any]) -> float:
    """Return how often a round's gate called the human, at the first tick of an episode or later;
    where an older cell does not say it, from its rate (calls over calls and steps on which the
    robot acted), which is right where nobody ever stood and waited."""
    if 'asked' in row:
        return float(row['asked'])
    acted, rate = row['steps'] * (1 - row['human_share']), row['switch_rate']
    return float(acted * rate / max(1 - rate, 1e-9))


def drove(row: Mapping[str, Any]) -> float:
    """Return on how many steps of a round the human acted."""
    return float(row['steps'] * row['human_share'])


def calls(cell: Cell) -> float | None:
    """Return calls per training episode, of all of them, however it ended; None where an older
    cell with a human who comes later does not say it."""
    waits = cell.get('human', {}).get('handover') == 'request'
    if waits and not all('asked' in row for row in cell['rounds']):
        return None
    return sum(map(asked, cell['rounds'])) / sum(row['episodes'] for row in cell['rounds'])


def stay(cell: Cell) -> float | None:
    """Return for how many steps the human kept the robot after a call, on average; None where
    nobody was called, or it is not known."""
    called = 0.0 if calls(cell) is None else sum(map(asked, cell['rounds']))
    return sum(map(drove, cell['rounds'])) / called if called > 0.5 else None


def check(cells: Mapping[str, Cell], settings: Mapping[str, Any]) -> None:
    """Raise UserError where a cell was made with other settings; what an older cell does not name
    is not compared."""
    for name, cell in cells.items():
        for key, wanted in settings.items():
            found = cell['settings'].get(key, wanted)
            if found != wanted:
                rule = f'must be {wanted}, as the cells of a folder are compared; choose another'
                raise UserError(f'{name}: {key}', found, rule)


def check_method(name: str, cell: Cell) -> None:
    """Raise UserError where a cell's method was another one than it is now; what an older cell
    does not name is not compared."""
    method = METHODS[cell['method']]
    for key, wanted in method.about.items():
        if key == 'gate_params' and method.matched:  # of the model's cell
            continue
        found = cell.get(key, wanted)
        if key == 'human':  # an older one has fewer fields
            found, wanted = (
                {k: v for k, v in one.items() if k in other}
                for one, other in ((found, wanted), (wanted, found))
            )
        if found != wanted:
            rule = f'must be {wanted}, what the method is now; run it again in another folder'
            raise UserError(f'{name}: {key} of {cell["method"]}', found, rule)
