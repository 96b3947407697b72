"""The reference pages list every parameter and every finding of every node."""

from __future__ import annotations

import ast
import importlib.util

import pytest

from tests.house import ROOT, called, sources


@pytest.fixture
def reference():
    pytest.importorskip('rclpy')
    spec = importlib.util.spec_from_file_location('reference', ROOT / 'scripts' / 'reference.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('name', ['parameters', 'diagnostics'])
def test_the_page_is_what_the_code_says(reference, name) -> None:
    page = (ROOT / 'docs' / 'reference' / f'{name}.md').read_text()
    made = reference.filled(page, getattr(reference, name)())
    assert made == page, 'run: python scripts/reference.py'


def test_what_is_not_ok_names_a_remedy(reference) -> None:
    catalogues = [reference.NodeFindings, *(cls.findings for _, cls in reference.nodes())]
    assert len(set(catalogues)) == len(catalogues)  # every node has its own
    for finding in (f for catalogue in catalogues for f in catalogue):
        assert finding.message
        assert finding.meaning
        assert bool(finding.remedy) == (finding.level != 'OK'), finding


def test_nodes_say_nothing_that_is_not_in_a_catalogue() -> None:
    """A verdict made on the spot would be missing in the page."""
    calls = [
        source.at(node.lineno, ast.unparse(node))
        for source in sources()
        if source.is_node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and called(node) == 'Health'
    ]
    assert calls == []
