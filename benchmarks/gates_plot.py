"""The pictures of gates.py: what success costs the human."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt

Row = Mapping[str, Any]
PANELS = (
    ('autonomous', 'success alone, %'),
    ('aided', 'success with gate and human, %'),
)


def draw(rows: Sequence[Row], task: str, out: Path) -> None:
    """Draw every method's success against the labels that the human gave after the demonstrations.

    Crosses are 95 % intervals over seeds; a method without a human's help stands at 0.
    """
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.6), sharex=True)
    for axes, (key, label) in zip(panels, PANELS, strict=True):
        for number, row in enumerate(rows):
            if key in row:
                _cross(axes, row, key, number)
        axes.set_xlabel("the human's actions after the demonstrations (labels)")
        axes.set_ylabel(label)
        axes.set_ylim(0, 103)
        axes.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='center right', fontsize=8, frameon=False)
    seeds = sorted({len(row['seeds']) for row in rows})
    spans = '–'.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
    figure.suptitle(f'{task}: {spans} seeds a method, 95 % intervals over seeds', fontsize=10)
    figure.tight_layout(rect=(0, 0, 0.84, 1))
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _cross(axes: Any, row: Row, key: str, number: int) -> None:
    none = {'value': 0.0, 'low': 0.0, 'high': 0.0}
    x, y = row.get('new_labels', none), row[key]
    axes.errorbar(
        x['value'],
        100 * y['value'],
        xerr=_arms(x, 1),
        yerr=_arms(y, 100),
        fmt='osD^v<>Pp*XhH'[number % 13],
        color=plt.get_cmap('tab20')(number % 20),
        markersize=5,
        linewidth=1,
        label=row['method'],
    )


def _arms(value: Mapping[str, float], scale: float) -> list[list[float]]:
    low = max(value['value'] - value['low'], 0.0)
    high = max(value['high'] - value['value'], 0.0)
    return [[scale * low], [scale * high]]
