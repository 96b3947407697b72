"""Nodes in one process: what a crash of one of them means for the others."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from il_ros import compose

pytestmark = pytest.mark.ros


class Part:
    """A node that notes with which exit code it was closed."""

    def __init__(self):
        self.exit_code, self.closed_with = None, 'not closed'
        self.params = SimpleNamespace(realtime_priority=0)

    def autostart(self):
        return True

    def request_exit(self, code):
        self.exit_code = code

    def close(self):
        self.closed_with = self.exit_code


@pytest.mark.parametrize('how', ['raises', 'wants to exit', 'crashes beside', 'is told to stop'])
def test_every_node_knows_that_the_process_did_not_end_in_good_order(monkeypatch, how):
    """A gate that ends in good order forgets its emergency stop."""
    parts = [Part(), Part()]
    specs = [SimpleNamespace(executor='events', stop_rank=i) for i in range(2)]

    def spin(nodes, stop, threads):
        if how == 'raises':
            raise RuntimeError('a callback')
        if how == 'crashes beside':
            parts[1].request_exit(1)
        return 2 if how == 'wants to exit' else 0

    made = iter(parts)
    monkeypatch.setattr(compose, '_make', lambda spec, exchange: next(made))
    monkeypatch.setattr(compose, '_spin', spin)
    code = compose._live(specs, SimpleNamespace(is_set=False))
    wanted = {'wants to exit': 2, 'is told to stop': 0}.get(how, 1)
    assert code == wanted
    assert [part.closed_with for part in parts] == [wanted or None] * 2
