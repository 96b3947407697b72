"""Charts of the report as inline SVG. One colour per owner, everywhere."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from il_core.types import Owner
from il_loop.episodes import spans
from il_loop.stats import Estimate

# Okabe and Ito's palette, which readers with colour-blindness can tell apart.
COLOURS = {Owner.POLICY: '#0072b2', Owner.HUMAN: '#d55e00', Owner.NOBODY: '#8a8f98'}
NAMES = {Owner.POLICY: 'policy', Owner.HUMAN: 'human', Owner.NOBODY: 'hold'}
WIDE = 30.0  # largest score over smallest, from which on the scale is logarithmic
INK, MUTED, GRID = '#1c2430', '#5b6573', '#e3e7ec'
STYLE = {
    'svg.fonttype': 'none',
    'font.family': 'sans-serif',
    'font.size': 11,
    'text.color': INK,
    'axes.labelcolor': INK,
    'axes.edgecolor': MUTED,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': GRID,
    'xtick.color': MUTED,
    'ytick.color': MUTED,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'legend.frameon': False,
}


@dataclass(frozen=True)
class CurvePoint:
    """One evaluated checkpoint: `labels` that it was trained from, success with its interval."""

    name: str
    labels: int
    success: Estimate


@dataclass(frozen=True)
class Timeline:
    """One episode of the gate: (N,) seconds, owners, scores and thresholds (NaN: none), and
    `causes` as (seconds, words) at every change of mode."""

    times_s: tuple[float, ...]
    owners: tuple[Owner, ...]
    score_name: str
    scores: tuple[float, ...]
    thresholds: tuple[float, ...]
    causes: tuple[tuple[float, str], ...]


def learning_curve(points: Sequence[CurvePoint]) -> str:
    """Return success against labels, one point per evaluated checkpoint, as SVG."""
    with matplotlib.rc_context(_style('curve')):
        figure = Figure(figsize=(7.2, 3.4))
        axes = figure.add_subplot()
        ordered = sorted(points, key=lambda p: p.labels)
        labels = [p.labels for p in ordered]
        share = [100 * p.success.value for p in ordered]
        down = [100 * (p.success.value - p.success.low) for p in ordered]
        up = [100 * (p.success.high - p.success.value) for p in ordered]
        blue = COLOURS[Owner.POLICY]
        axes.plot(labels, share, color=blue, lw=2)
        axes.errorbar(labels, share, [down, up], fmt='o', ms=7, color=blue, capsize=5, lw=1.5)
        for p, x, y in zip(ordered, labels, share, strict=True):
            text = f'{p.name}: {y:.0f} %'
            axes.annotate(text, (x, y), (10, -14), textcoords='offset points', fontsize=10)
        axes.set(xlabel='human labels in training (ticks)', ylabel='success (%)', ylim=(0, 103))
        axes.margins(x=0.18)
        return _svg(figure)


def gate_timeline(line: Timeline) -> str:
    """Return score against threshold over an episode, with bands of who owns, as SVG."""
    with matplotlib.rc_context(_style('gate')):
        figure = Figure(figsize=(9.6, 3.6))
        axes = figure.add_subplot()
        step_s = line.times_s[1] - line.times_s[0] if len(line.times_s) > 1 else 0.05
        used = set()
        for owner, first, last in spans(line.owners):
            start, end = line.times_s[first], line.times_s[last - 1] + step_s
            name = NAMES[owner] if owner not in used else None
            axes.axvspan(start, end, color=COLOURS[owner], alpha=0.16, lw=0, label=name)
            used.add(owner)
        axes.plot(line.times_s, line.scores, color=INK, lw=1.6, label=line.score_name)
        red: Any = {'color': '#b00020', 'ls': '--', 'lw': 1.4}
        axes.step(line.times_s, line.thresholds, where='post', label='threshold', **red)
        axes.set(xlabel='time in the episode (s)', ylabel=line.score_name)
        span_s = line.times_s[-1] + step_s
        axes.set_xlim(0, span_s)
        _scale(axes, line)
        _mark_causes(axes, line.causes, span_s)
        axes.legend(ncols=5, loc='lower left', bbox_to_anchor=(0, -0.42), fontsize=10)
        return _svg(figure)


def _mark_causes(axes: Axes, causes: Sequence[tuple[float, str]], span_s: float) -> None:
    """Write what changed the mode above the chart, apart enough to be read."""
    free = 0.0
    for seconds, words in causes:
        axes.axvline(seconds, color=MUTED, lw=0.8)
        at = max(seconds, free)
        free = at + span_s / 30
        axes.annotate(
            words,
            (seconds, 1),
            (at, 1.05),
            xycoords=axes.get_xaxis_transform(),
            textcoords=axes.get_xaxis_transform(),
            rotation=40,
            fontsize=9,
            arrowprops={'arrowstyle': '-', 'color': MUTED, 'lw': 0.6, 'shrinkA': 0, 'shrinkB': 0},
        )


def _scale(axes: Axes, line: Timeline) -> None:
    """Scores over several orders of magnitude need a logarithm; others start at zero."""
    known = [v for v in (*line.scores, *line.thresholds) if math.isfinite(v)]
    if known and min(known) > 0 and max(known) > WIDE * min(known):
        axes.set_yscale('log')
    elif known and min(known) >= 0:
        axes.set_ylim(bottom=0)


def _style(name: str) -> Any:
    # the salt keeps ids of two charts on one page apart
    return {**STYLE, 'svg.hashsalt': name}


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format='svg', bbox_inches='tight', metadata={'Date': None})
    text = out.getvalue()
    return text[text.index('<svg') :]
