"""Tables on a terminal or in a file. Nothing in them is ever cut: what does not fit is folded."""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Column, Table

FILE_COLUMNS = 1000  # as wide as the longest line of a table needs


def console(soft_wrap: bool = False) -> Console:
    """Return the console of standard output: as wide as the terminal, or as COLUMNS says; in a
    file or a pipe as wide as it takes."""
    made = Console(soft_wrap=soft_wrap, highlight=False)
    if not made.is_terminal and not os.environ.get('COLUMNS'):
        made.width = FILE_COLUMNS
    return made


def table(*columns: str, title: str | None = None) -> Table:
    """Return a table whose cells go on in the next line where a column is too narrow for them."""
    return Table(*(Column(text, overflow='fold') for text in columns), title=title)
