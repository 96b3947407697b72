"""The report as one HTML page: no script, no network, every picture and chart inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from il_core.types import Owner
from il_loop.evaluate import Comparison
from il_loop.report_charts import COLOURS, NAMES
from il_loop.stats import Estimate

CSS = """
:root { color: #1c2430; background: #fff; font: 16px/1.55 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2.5rem auto 5rem; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; margin: 0 0 .2rem; } h2 { font-size: 1.25rem; margin: 2.8rem 0 .6rem; }
p.sub, .how, figcaption { color: #5b6573; } .how, figcaption { font-size: .88rem; }
.headline { display: flex; gap: 1.2rem; flex-wrap: wrap; margin: 1.6rem 0; }
.card { border: 1px solid #e3e7ec; border-radius: 10px; padding: 1rem 1.3rem; flex: 1 1 11rem; }
.card b { display: block; font-size: 2.1rem; line-height: 1.2; } .card span { color: #5b6573; }
.card.main { background: #eef5fb; border-color: #b9d6ec; flex: 2 1 18rem; }
figure { margin: 1rem 0; } svg, img { max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; margin: .6rem 0; }
table + .how { margin: 0 0 1.8rem; }
th, td { text-align: right; padding: .35rem .7rem; border-bottom: 1px solid #e3e7ec; }
th:first-child, td:first-child { text-align: left; }
th { color: #5b6573; font-weight: 600; } td:first-child { white-space: nowrap; }
.scroll { max-height: 26rem; overflow: auto; border: 1px solid #e3e7ec; border-radius: 8px; }
.scroll table { margin: 0; } .scroll th { position: sticky; top: 0; background: #fff; }
.key i { display: inline-block; width: .8em; height: .8em; margin: 0 .35em 0 1em; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem; }
code { background: #f4f6f8; padding: .1em .35em; border-radius: 4px; }
"""


@dataclass(frozen=True)
class Table:
    """Rows of cells that are already words; `caption` says how to read them."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ''


@dataclass(frozen=True)
class Media:
    """One attempt in pictures: data URIs of an animated film and of a strip."""

    title: str
    film: str
    strip: str


@dataclass(frozen=True)
class Warned:
    """What a reader must know before the numbers, and the command that mends it."""

    words: str
    command: str


@dataclass(frozen=True)
class Page:
    """Everything the page shows. Empty or None: that part is left out, and the page says why.

    `recording`: commands by which the episodes of a comparison are recorded. `curve_seeds`: on
    which seeds its points were evaluated. `no_media`: why there are no pictures.
    """

    title: str
    subtitle: str
    comparison: Comparison | None
    recording: tuple[str, ...]
    curve_svg: str
    gate_svg: str
    gate_caption: str
    burden: Table
    requests: tuple[Table, ...]
    media: tuple[Media, ...]
    episodes: Table
    provenance: Table
    warned: tuple[Warned, ...] = ()
    curve_seeds: str = ''
    no_media: str = ''


def render(page: Page) -> str:
    """Return the whole page as HTML."""
    parts = [
        f'<h1>{escape(page.title)}</h1><p class="sub">{escape(page.subtitle)}</p>',
        *(f'<p>{escape(w.words)}</p><p><code>{escape(w.command)}</code></p>' for w in page.warned),
        _headline(page.comparison, page.recording),
        _section(
            'Learning curve',
            _figure(
                page.curve_svg,
                f'Success without help, with 95 % Wilson intervals; {page.curve_seeds}. '
                'Human actions are all ticks that the human owned until then, '
                'demonstrations included, also those that nothing was learned from.',
            ),
        ),
        _section('The gate over an episode', _key() + _figure(page.gate_svg, page.gate_caption)),
        _section('What it cost the human', _table(page.burden)),
        _section('Why the human was asked', ''.join(map(_table, page.requests))),
        _section('Before and after', _media(page.media, page.no_media)),
        _section('Episodes', f'<div class="scroll">{_table(page.episodes)}</div>'),
        _section('How each number was made', _table(page.provenance)),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(page.title)}</title>'
        f'<style>{CSS}</style></head><body>{"".join(parts)}</body></html>\n'
    )


def percent(share: float) -> str:
    """Return a share as whole percent."""
    return f'{100 * share:.0f} %'


def rate(estimate: Estimate) -> str:
    """Return `80 % (67 to 89)`."""
    return f'{percent(estimate.value)} ({100 * estimate.low:.0f} to {100 * estimate.high:.0f})'


def points(estimate: Estimate) -> str:
    """Return a difference of shares as `+42 points (+28 to +55)`."""
    low, high = 100 * estimate.low, 100 * estimate.high
    return f'{100 * estimate.value:+.0f} points ({low:+.0f} to {high:+.0f})'


def _headline(comparison: Comparison | None, recording: Sequence[str]) -> str:
    if comparison is None:
        commands = ''.join(f'<p><code>{escape(command)}</code></p>' for command in recording)
        return (
            '<p>No paired evaluation in this run folder yet. It takes episodes of the first round '
            f'and of a later one, recorded alone on the same seeds:</p>{commands}'
        )
    gain, before, after = comparison.difference, comparison.before, comparison.after
    span = f'95 % interval {100 * gain.low:+.0f} to {100 * gain.high:+.0f}'
    return (
        '<div class="headline">'
        + _card(
            f'{100 * gain.value:+.0f} points',
            f'success, {after.label} over {before.label}; {span}; {gain.n} paired seeds',
            'card main',
        )
        + _card(percent(before.success.value), f'{before.label}: {rate(before.success)}')
        + _card(percent(after.success.value), f'{after.label}: {rate(after.success)}')
        + '</div>'
    )


def _card(number: str, words: str, kind: str = 'card') -> str:
    return f'<div class="{kind}"><b>{escape(number)}</b><span>{escape(words)}</span></div>'


def _section(title: str, body: str) -> str:
    return f'<h2>{escape(title)}</h2>{body}'


def _figure(content: str, caption: str) -> str:
    if not content:
        return '<p class="how">Nothing recorded for this chart yet.</p>'
    return f'<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>'


def _key() -> str:
    owners: Iterable[Owner] = (Owner.POLICY, Owner.HUMAN, Owner.NOBODY)
    items = [f'<i style="background:{COLOURS[o]}"></i>{NAMES[o]} owns' for o in owners]
    return f'<p class="key how">{"".join(items)}</p>'


def _media(media: Sequence[Media], why: str) -> str:
    if not media:
        return f'<p class="how">No pictures: {escape(why)}.</p>'
    films = ''.join(
        f'<figure><img alt="{escape(m.title)}" src="{m.film}">'
        f'<figcaption>{escape(m.title)}</figcaption></figure>'
        for m in media
    )
    strips = ''.join(
        f'<figure><img alt="{escape(m.title)}" src="{m.strip}"></figure>' for m in media
    )
    return f'<div class="pair">{films}</div>{strips}{_key()}'


def _table(table: Table) -> str:
    head = ''.join(f'<th>{escape(cell)}</th>' for cell in table.head)
    rows = ''.join(
        '<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in row) + '</tr>'
        for row in table.rows
    )
    words = f'<p class="how">{escape(table.caption)}</p>' if table.caption else ''
    return f'<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{words}'
