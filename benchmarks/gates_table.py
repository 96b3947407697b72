"""The table of gates.py as Markdown: printed, and kept beside the JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
# Heading, key of a row, scale, digits.
COLUMNS = (
    ('alone, %', 'autonomous', 100, 0),
    ('alone from as many labels, %', 'equal', 100, 0),
    ('with help, %', 'aided', 100, 0),
    ('interventions', 'interventions', 1, 2),
    ('calls', 'calls', 1, 2),
    ('steps a call', 'stay', 1, 0),
    ("human's actions", 'human_actions', 1, 1),
    ("robot's actions", 'robot_actions', 1, 0),
    ('new labels', 'new_labels', 1, 0),
    ('switch rate, %', 'switch_rate', 100, 2),
)
# Autonomous successes of 100, with other simulators and a person in `hg`: Hoque et al., CoRL 2021.
PUBLISHED = {'peg_insert': {'thrifty': 73, 'hg': 57}}
SAID = {
    'autonomous': 'alone',
    'aided': 'with help',
    'equal': 'alone from as many labels',
}
NONE = '–'


def page(result: Mapping[str, Any], task: str) -> str:
    """Return everything that gates.py found, as a page."""
    return '\n'.join(
        [
            f'# Gates on `{task}`',
            '',
            'Written by `benchmarks/gates.py` from the cells in the folder beside it; [what the',
            'methods and columns are](../reference/experiments.md), [what it says](README.md).',
            "Brackets: 95 %, Student's t over seeds; interventions and actions: means of",
            'successful training episodes, as published; calls: per training episode, of all of',
            'them, those at the first tick, too; new labels: those after the demonstrations, of',
            'the seeds that `bc` has, too.',
            '',
            *_rows(result['rows'], PUBLISHED.get(task, {})),
            '',
            '## Seed by seed',
            '',
            *_seeds(result['rows']),
            '',
            f'## `{result["of"]}` minus the others',
            '',
            'Percentage points, paired by evaluation seed: Tango over all pairs, and means over',
            "seeds with Student's t. Only the latter say something of methods: the former take",
            'these policies as they are.',
            '',
            *_differences(result['differences']),
            '',
            '## Other pairs',
            '',
            'As above: what papers set beside each other, and rows beside what they vary.',
            '',
            *_differences(result['beside']),
            '',
            '## Prices',
            '',
            "Ratios of sums over the seeds that both have, Student's t over seeds.",
            '',
            *_prices(result['prices']),
            '',
        ]
    )


def words(value: Mapping[str, float] | None, scale: float = 1.0, digits: int = 0) -> str:
    """Return `89 (80 to 97)`."""
    if value is None:
        return NONE
    middle, low, high = (scale * value[key] + 0.0 for key in ('value', 'low', 'high'))
    return f'{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ['---'] * len(head), *rows]
    return ['| ' + ' | '.join(line) + ' |' for line in lines]


def _rows(rows: Sequence[Row], published: Mapping[str, int]) -> list[str]:
    head = ['method', 'seeds', *(c[0] for c in COLUMNS), 'published, alone of 100']
    body = []
    for row in rows:
        cells = [words(row.get(key), scale, digits) for _, key, scale, digits in COLUMNS]
        claim = str(published.get(row['method'], NONE))
        body.append([f'`{row["method"]}`', str(len(row['seeds'])), *cells, claim])
    return _table(head, body)


def _seeds(rows: Sequence[Row]) -> list[str]:
    every = sorted({seed for row in rows for seed in row['seeds']})
    body = []
    for row in rows:
        alone = dict(zip(row['seeds'], row['alone_by_seed'], strict=True))
        body.append(
            [f'`{row["method"]}`', *(f'{100 * alone[s]:.0f}' if s in alone else '' for s in every)]
        )
    return _table(['alone, %', *map(str, every)], body)


def _differences(gaps: Sequence[Row]) -> list[str]:
    return _table(
        ['', 'what', 'seeds', 'pairs', 'over pairs', 'over seeds'],
        [
            [
                f'`{gap["of"]}` minus `{gap["minus"]}`',
                SAID[gap['what']],
                str(len(gap['seeds'])),
                str(gap['pooled_pairs']['n']),
                words(gap['pooled_pairs'], 100),
                words(gap['over_seeds'], 100),
            ]
            for gap in gaps
        ],
    )


def _prices(costs: Sequence[Row]) -> list[str]:
    body = []
    for cost in costs:
        name = f'`{cost["of"]}` in percent of `{cost["over"]}`'
        shares = words(cost['price'], 100), words(cost['alone'], 100)
        body.append([name, str(len(cost['seeds'])), cost['what'].replace('_', ' '), *shares])
    return _table(['', 'seeds', 'price', 'of it, %', 'success alone, of it, %'], body)
