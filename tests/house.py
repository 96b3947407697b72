"""The sources as trees, for the tests that read the rules of the house from the code."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / 'src'
ROS_SUFFIXES = ('_msgs', '_srvs', '_interfaces')
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module of ours: dotted name, parsed tree and number of lines."""

    module: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def package(self) -> str:
        return self.module.split('.')[0]

    @property
    def is_node(self) -> bool:
        return self.path.name == 'node.py'

    @property
    def may_use_ros(self) -> bool:
        return self.is_node or self.package == 'il_ros'

    def at(self, line: int, what: str) -> str:
        """Return one line of a breach, in the form that editors jump to."""
        return f'{self.path.relative_to(ROOT)}:{line} {what}'

    def imports(self) -> Iterator[tuple[str, int]]:
        """Yield (dotted name, line) of every import, wherever in the file it stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from self._import_from(node)
            elif isinstance(node, ast.Call) and called(node) in ('import_module', '__import__'):
                yield from ((text, node.lineno) for text in _texts(node))

    def _import_from(self, node: ast.ImportFrom) -> Iterator[tuple[str, int]]:
        base = node.module or ''
        if node.level:
            parent = self.module.split('.')
            cut = node.level - (self.path.name == '__init__.py')
            base = '.'.join([*parent[: len(parent) - cut], *filter(None, [base])])
        yield from ((f'{base}.{alias.name}', node.lineno) for alias in node.names)

    def functions(self) -> Iterator[Function]:
        yield from (n for n in ast.walk(self.tree) if isinstance(n, Function))


def sources() -> list[Source]:
    """Return every module below src/."""
    return [_source(path) for path in sorted(SRC.rglob('*.py'))]


def called(node: ast.Call) -> str:
    """Return the last name of what is called: `b` of `a.b(...)`."""
    return getattr(node.func, 'attr', '') or getattr(node.func, 'id', '')


def is_ros(name: str) -> bool:
    """True for rclpy and message packages, ours included."""
    top = name.split('.')[0]
    return top in ('rclpy', 'interactive_il', 'rosidl_runtime_py') or top.endswith(ROS_SUFFIXES)


def body_lines(node: Function) -> int:
    """Return the lines of a function, its docstring left out."""
    doc = ast.get_docstring(node, clean=False)
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1 - (doc.count('\n') + 1 if doc else 0)


def median(values: list[int]) -> float:
    return statistics.median(values)


def _source(path: Path) -> Source:
    parts = path.relative_to(SRC).with_suffix('').parts
    module = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
    text = path.read_text()
    return Source(module, path, ast.parse(text), text.count('\n') + 1)


def _texts(node: ast.Call) -> Iterator[str]:
    for arg in node.args[:1]:
        if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
            yield arg.value
