"""Write the tables of docs/reference/parameters.md and diagnostics.md from the code.

python scripts/reference.py
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from il_core.findings import Findings
from il_gating.watchdog.node import WatchdogNode
from il_ros.graph import TABLE
from il_ros.health import NodeFindings
from il_ros.params import CommonParams
from il_ros.rules import Rule

PAGES = Path(__file__).resolve().parents[1] / 'docs' / 'reference'
BEGIN, END = '<!-- made by scripts/reference.py -->\n', '<!-- end -->\n'


def nodes() -> Iterator[tuple[str, type]]:
    """Yield name and class of every node of ours; a watchdog belongs to no graph."""
    for row in TABLE:
        if row.node.module:
            yield row.node.name, getattr(importlib.import_module(row.node.module), row.node.cls)
    yield 'watchdog', WatchdogNode


def parameters() -> str:
    """Return one table of all parameters."""
    lines = [
        '| node | parameter | default | values | changes | meaning |',
        '|---|---|---|---|---|---|',
    ]
    lines += _rows('every node', CommonParams, set())
    common = {f.name for f in dataclasses.fields(CommonParams)}
    for name, cls in nodes():
        lines += _rows(name, cls.params_type, common)
    return '\n'.join(lines) + '\n'


def diagnostics() -> str:
    """Return one table of all findings that are not OK, and those that are."""
    lines = [
        '| node | finding | level | message | meaning | remedy |',
        '|---|---|---|---|---|---|',
    ]
    catalogues = [('every node', NodeFindings), *((n, cls.findings) for n, cls in nodes())]
    for node, catalogue in catalogues:
        lines += [_finding(node, finding) for finding in catalogue]
    return '\n'.join(lines) + '\n'


def filled(page: str, table: str) -> str:
    """Return `page` with `table` between the marks."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table + END + rest.partition(END)[2]


def _rows(node: str, kind: type, skip: set[str]) -> Iterator[str]:
    for field in dataclasses.fields(kind):
        rule: Rule = field.metadata['rule']
        if field.name in skip:
            continue
        values = rule.text().removeprefix('must be ') or type(field.default).__name__
        default = (
            f'`{str(field.default).lower() if field.default in (True, False) else field.default}`'
        )
        cells = (node, f'`{field.name}`', default if field.default != '' else '', values)
        yield _row(*cells, CHANGES[rule.change.value], rule.description)


CHANGES = {'start': 'no', 'configure': 'before configure', 'live': 'at once'}


def _finding(node: str, finding: Findings) -> str:
    message = re.sub(
        r'{(\w+?)(?:_s|_hz|_mb)?(?::[^}]*)?}', lambda m: m[1].upper(), finding.message
    )
    remedy = re.sub(r'{(\w+)(?::[^}]*)?}', lambda m: m[1].upper(), finding.remedy)
    remedy = remedy.replace('STEP', 'configure, activate or end it, as its message says')
    return _row(node, finding.name.lower(), finding.level, message, finding.meaning, remedy)


def _row(*cells: str) -> str:
    return '| ' + ' | '.join(cell.replace('|', '/') for cell in cells) + ' |'


def main() -> None:
    for name, table in (('parameters', parameters()), ('diagnostics', diagnostics())):
        path = PAGES / f'{name}.md'
        path.write_text(filled(path.read_text(), table))


if __name__ == '__main__':
    main()
