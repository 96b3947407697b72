"""Charts of the report as inline SVG. One colour per owner, everywhere."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
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
WIDE = 30.0  # largest score over lowest threshold, from which on the scale is logarithmic
HEADROOM = 1.08  # of a panel above its largest value
DEEP = 1000.0  # so far below its smallest threshold a score is shown
TALL, LOW = 2.4, 1.3  # inches of a panel by whose score the gate asks, and of another
INK, MUTED, GRID = '#1c2430', '#5b6573', '#e3e7ec'
# Thresholds: of asking, of handing back.
LIMITS: tuple[tuple[str, Any], ...] = (
    ('asks above', {'color': '#b00020', 'ls': '--', 'lw': 1.4}),
    ('hands back below', {'color': '#00795a', 'ls': ':', 'lw': 2.0}),
)
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
    """One evaluated checkpoint: `labels` of the human that it was trained from, `human_actions`
    that the episodes behind it took in all (None: not known), success with its interval."""

    name: str
    labels: int
    success: Estimate
    human_actions: int | None = None


@dataclass(frozen=True)
class Panel:
    """One score of a gate: (N,) values, and the thresholds above which it asks and below which it
    hands back. NaN: none at that tick."""

    name: str
    scores: tuple[float, ...]
    asks: tuple[float, ...]
    returns: tuple[float, ...]

    @property
    def is_asking(self) -> bool:
        """The gate asks by this score; otherwise it can only hand back by it."""
        return bool(_finite(self.asks))

    @property
    def is_judged(self) -> bool:
        """The score has a threshold somewhere, of either kind."""
        return self.is_asking or bool(_finite(self.returns))


@dataclass(frozen=True)
class Timeline:
    """One episode of the gate: (N,) seconds and owners, a panel per score that is worth one, and
    `causes` as (seconds, words) at every change of mode; words may be empty."""

    times_s: tuple[float, ...]
    owners: tuple[Owner, ...]
    panels: tuple[Panel, ...]
    causes: tuple[tuple[float, str], ...]

    @property
    def edges_s(self) -> tuple[float, ...]:
        """(N + 1,) seconds at which ticks begin, and at which the last one ends."""
        step_s = self.times_s[1] - self.times_s[0] if len(self.times_s) > 1 else 0.05
        return (*self.times_s, self.times_s[-1] + step_s)


def learning_curve(points: Sequence[CurvePoint]) -> str:
    """Return success against labels and, where they are known, against human actions, one point
    per evaluated checkpoint, as SVG."""
    effort = [(p, p.human_actions) for p in points if p.human_actions is not None]
    with matplotlib.rc_context(_style('curve')):
        figure = Figure(figsize=(9.6 if effort else 7.2, 3.4), layout='constrained')
        first, *rest = figure.subplots(1, 2 if effort else 1, sharey=True, squeeze=False)[0]
        _curve(first, [(p, p.labels) for p in points])
        first.set(xlabel='human labels in training (ticks)', ylabel='success (%)', ylim=(0, 103))
        for axes in rest:
            _curve(axes, effort)
            axes.set_xlabel('human actions so far (ticks)')
        return _svg(figure)


def _curve(axes: Axes, points: Sequence[tuple[CurvePoint, int]]) -> None:
    """Draw success over x, with intervals and names; `points` are (point, x)."""
    ordered = sorted(points, key=lambda p: p[1])
    at = [x for _, x in ordered]
    share = [100 * p.success.value for p, _ in ordered]
    down = [100 * (p.success.value - p.success.low) for p, _ in ordered]
    up = [100 * (p.success.high - p.success.value) for p, _ in ordered]
    blue = COLOURS[Owner.POLICY]
    axes.plot(at, share, color=blue, lw=2)
    axes.errorbar(at, share, [down, up], fmt='o', ms=7, color=blue, capsize=5, lw=1.5)
    axes.margins(x=0.08)
    names = [f'{p.name}: {y:.0f} %' for (p, _), y in zip(ordered, share, strict=True)]
    left, right = axes.get_xlim()
    _write_above([axes], list(zip(at, names, strict=True)), (right - left) / 12)


def gate_timeline(line: Timeline) -> str:
    """Return every score against its threshold over an episode, one above the other, with bands
    of who owns, as SVG."""
    heights = [TALL if p.is_asking or len(line.panels) == 1 else LOW for p in line.panels] or [LOW]
    with matplotlib.rc_context(_style('gate')):
        figure = Figure(figsize=(9.6, sum(heights)))
        column: list[Axes] = figure.subplots(
            len(heights), 1, sharex=True, squeeze=False, height_ratios=heights
        )[:, 0].tolist()
        for axes in column:
            _bands(axes, line)
        for axes, panel in zip(column, line.panels, strict=False):
            _panel(axes, panel, line.edges_s)
        if not line.panels:
            column[0].set_yticks([])
        column[-1].set(xlabel='time in the episode (s)', xlim=(0, line.edges_s[-1]))
        _write_above(column, line.causes, line.edges_s[-1] / 30)
        figure.align_ylabels(column)
        _legend(figure, column, heights)
        return _svg(figure)


def _bands(axes: Axes, line: Timeline) -> None:
    for owner, first, last in spans(line.owners):
        start, end = line.edges_s[first], line.edges_s[last]
        colour, name = COLOURS[owner], NAMES[owner]
        axes.axvspan(start, end, color=colour, alpha=0.16, lw=0, label=name)


def _panel(axes: Axes, panel: Panel, edges_s: Sequence[float]) -> None:
    axes.plot(edges_s[:-1], panel.scores, color=INK, lw=1.6, label='score')
    for limits, (label, look) in zip((panel.asks, panel.returns), LIMITS, strict=True):
        if _finite(limits):
            # what holds at the last tick holds to its end
            axes.step(edges_s, (*limits, limits[-1]), where='post', label=label, **look)
    axes.set_ylabel(panel.name)
    judged = _finite((*panel.asks, *panel.returns))
    known = [*judged, *_finite(panel.scores)]
    # Where scores leave the lowest threshold far behind, only a logarithm shows both; else zero
    # is in the picture, unless there is something below it.
    least = min(judged or known, default=0.0)
    if known and min(known) > 0 and max(known) > WIDE * least:
        axes.set_yscale('log')
        axes.set_ylim(max(min(known) / 2, least / DEEP), 2 * max(known))
    elif known and min(known) >= 0 and max(known) > 0:
        axes.set_ylim(0, HEADROOM * max(known))


def _legend(figure: Figure, column: Sequence[Axes], heights: Sequence[float]) -> None:
    """Name everything once, below the lowest panel."""
    named = {
        label: handle
        for axes in column
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    column[-1].legend(
        named.values(),
        named.keys(),
        ncols=len(named),
        loc='upper left',
        bbox_to_anchor=(0, -0.75 / heights[-1]),
        borderaxespad=0,
        fontsize=10,
    )


def _write_above(column: Sequence[Axes], notes: Sequence[tuple[float, str]], apart: float) -> None:
    """Write (x, words) above the highest panel, so far apart that they can be read."""
    free, top = -math.inf, column[0].get_xaxis_transform()
    for x, words in notes:
        for axes in column:
            axes.axvline(x, color=MUTED, lw=0.8, zorder=1)
        if not words:
            continue
        at = max(x, free)
        free = at + apart
        column[0].annotate(
            words,
            (x, 1),
            (at, 1.05),
            xycoords=top,
            textcoords=top,
            rotation=40,
            fontsize=9,
            arrowprops={'arrowstyle': '-', 'color': MUTED, 'lw': 0.6, 'shrinkA': 0, 'shrinkB': 0},
        )


def _finite(values: Iterable[float]) -> list[float]:
    return [v for v in values if math.isfinite(v)]


def _style(name: str) -> Any:
    # the salt keeps ids of two charts on one page apart
    return {**STYLE, 'svg.hashsalt': name}


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format='svg', bbox_inches='tight', metadata={'Date': None})
    text = out.getvalue()
    return text[text.index('<svg') :]
