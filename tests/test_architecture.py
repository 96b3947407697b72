"""The rules of the house, read from the code: who may import whom, sizes, and what is forbidden.

What happens when modules are really imported is in test_imports.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import ROOT, Source, body_lines, called, is_ros, median, sources

# Who may import whom, besides itself and il_core (docs/explanation/architecture.md).
MAY_SEE = {
    'il_core': set(),
    'il_data': set(),
    'il_teleop': set(),
    'il_sim': set(),
    'il_policy': {'il_data'},
    'il_gating': {'il_policy'},
    'il_loop': {'il_data', 'il_teleop', 'il_sim', 'il_policy', 'il_gating'},
    'il_ros': set(),
}
GATING_SEES = ('il_policy.api', 'il_policy.runtime', 'il_policy.checkpoint')
MAY_TRAIN = ('il_policy', 'il_loop')
NO_PICKLE = {'pickle', 'dill', 'joblib', 'cloudpickle', 'shelve', 'marshal'}
DUMPS = {'utils', 'util', 'helpers', 'misc', 'common', 'tools'}
CLOCKS = {'time', 'datetime', 'random', 'threading', 'asyncio', 'socket', 'subprocess'}
# Decision cores: inputs and time in, decision out.
CORES = ('il_core.', 'il_gating.', 'il_teleop.joystick', 'il_teleop.experts.scripted')
CORE_SHELLS = ('il_core.cli', 'il_core.share', 'il_gating.node')
SOURCES = sources()


def breaches_of_imports(source: Source) -> Iterator[str]:
    allowed = {'il_core', source.package} | MAY_SEE[source.package]
    if source.is_node:
        allowed |= {'il_ros'}
    for name, line in source.imports():
        top = name.split('.')[0]
        if top.startswith('il_') and top not in allowed:
            yield source.at(line, f'imports {name}; {source.package} may see {sorted(allowed)}')
        unseen = source.package == 'il_gating' and not name.startswith(GATING_SEES)
        if unseen and top == 'il_policy':
            yield source.at(line, f'imports {name}; of il_policy only {GATING_SEES}')
        if is_ros(name) and not source.may_use_ros:
            yield source.at(line, f'imports {name} outside node.py and il_ros')
        if top in ('torch', 'torchvision') and not may_train(source):
            yield source.at(line, f'imports {name}; this has to run without torch')
        if top in NO_PICKLE:
            yield source.at(line, f'imports {name}; pickles run code when they are read')


def may_train(source: Source) -> bool:
    if source.is_node or source.module.startswith(GATING_SEES):
        return False
    return source.package in MAY_TRAIN or 'fit' in source.path.stem


def breaches_of_conduct(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and swallows(node):
            yield source.at(node.lineno, 'swallows every error')
        elif isinstance(node, ast.Global):
            yield source.at(node.lineno, f'keeps state in a global: {node.names}')
        elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            if (node.arg, node.value.value) in (('allow_pickle', True), ('weights_only', False)):
                yield source.at(node.value.lineno, f'{node.arg}={node.value.value}')
        elif isinstance(node, ast.Call) and called(node) == 'breakpoint':
            yield source.at(node.lineno, 'stops in a debugger')
        elif isinstance(node, ast.Call) and called(node) == 'print' and not says_things(source):
            yield source.at(node.lineno, 'print() outside a cli or report module')


def swallows(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    broad = getattr(node.type, 'id', '') in ('Exception', 'BaseException')
    return broad and all(isinstance(statement, ast.Pass) for statement in node.body)


def says_things(source: Source) -> bool:
    return any(word in source.path.stem for word in ('cli', 'report'))


def breaches_of_size(source: Source) -> Iterator[str]:
    limit = 250 if source.is_node else 300
    if source.lines > limit:
        yield source.at(1, f'has {source.lines} lines, limit {limit}')
    if source.path.stem in DUMPS:
        yield source.at(1, 'is named after nothing: a dump')
    if not ast.get_docstring(source.tree) and source.tree.body:
        yield source.at(1, 'has no docstring')
    for node in source.functions():
        if body_lines(node) > 50:
            yield source.at(node.lineno, f'{node.name} has {body_lines(node)} lines, limit 50')


def breaches_of_callbacks(source: Source) -> Iterator[str]:
    """A node is a shell: its callbacks pass values on, and the core computes."""
    for function in source.functions() if source.is_node else ():
        if not function.name.lstrip('_').startswith('on_'):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitOr | ast.Mod):
                yield source.at(node.lineno, f'{function.name} calculates; a core should')


def breaches_of_cores(source: Source) -> Iterator[str]:
    if not source.module.startswith(CORES) or source.module.startswith(CORE_SHELLS):
        return
    for name, line in source.imports():
        if name.split('.')[0] in CLOCKS:
            yield source.at(line, f'imports {name}; time and chance come in as arguments')


RULES = (
    breaches_of_imports,
    breaches_of_conduct,
    breaches_of_size,
    breaches_of_callbacks,
    breaches_of_cores,
)


@pytest.mark.parametrize('rule', RULES, ids=lambda rule: rule.__name__)
def test_rule(rule) -> None:
    assert [breach for source in SOURCES for breach in rule(source)] == []


def test_typical_files_and_functions_are_short() -> None:
    files = [s.lines for s in SOURCES if s.path.name != '__init__.py']
    functions = [body_lines(f) for s in SOURCES for f in s.functions()]
    assert (median(files) <= 120, median(functions) <= 10) == (True, True)


def test_every_package_has_a_rule() -> None:
    assert {s.package for s in SOURCES} == set(MAY_SEE)


def test_texts_refer_to_what_a_reader_has() -> None:
    """No pages that are not in the repository, no paths of somebody's machine."""
    places = ('src', 'tests', 'docs', 'config', 'launch', 'benchmarks', 'scripts', '.')
    files = [p for place in places for p in (ROOT / place).glob('*' if place == '.' else '**/*')]
    kinds = ('.py', '.md', '.yaml', '.toml', '.txt', '.sh', '.rst', '.xml')
    texts = {p: p.read_text() for p in files if p.suffix in kinds and p != Path(__file__)}
    foreign = re.compile(r'ALGORITHMS|DESIGN section|DESIGN\.md|/work/|/root/|pypi-more|worktree')
    assert len(texts) > 100
    assert [str(p) for p, text in texts.items() if foreign.search(text)] == []


BAD = """'''Doc.'''
import pickle
import rclpy
import il_loop.rollout
from torch import nn
def f():
    try:
        print(1)
    except:
        pass
"""


def test_the_rules_see_what_they_forbid() -> None:
    """Each rule is worth something only where it fires."""
    bad = Source('il_core.bad', SOURCES[0].path, ast.parse(BAD), 301)
    found = [breach.partition(' ')[2] for rule in RULES for breach in rule(bad)]
    assert [text.split(';')[0] for text in found] == [
        'imports pickle',
        'imports rclpy outside node.py and il_ros',
        'imports il_loop.rollout',
        'imports torch.nn',
        'swallows every error',
        'print() outside a cli or report module',
        'has 301 lines, limit 300',
    ]
