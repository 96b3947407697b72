"""Distribution shift is measured from as many labels on both sides."""

from __future__ import annotations

import argparse

import horizon
import numpy as np
import pytest


@pytest.mark.parametrize('steps', [10, 16], ids=['divides a round', 'does not'])
def test_dagger_learns_from_its_share_of_every_round(monkeypatch, steps):
    tables, collected = [], []

    class Told(horizon.Table):
        def __init__(self, spec, data, seed):
            tables.append(data.observations)
            super().__init__(spec, data, seed)

    def collect(*args, of=horizon.collect):
        collected.append(of(*args))
        return collected[-1]

    monkeypatch.setattr(horizon, 'Table', Told)
    monkeypatch.setattr(horizon, 'collect', collect)
    horizon.one(steps, 0, argparse.Namespace(labels=62, rounds=3, episodes=2))
    assert [len(table) for table in tables] == [60, 20, 40, 60], 'BC, DAgger after each round'
    for number, episodes in enumerate(collected[1:]):
        first = np.concatenate([e.frames for e in episodes])[:20]
        assert np.array_equal(tables[-1][20 * number : 20 * number + 20], first)
