"""The parameter files that ship say what holds anyway, and nothing that no node knows."""

from __future__ import annotations

import dataclasses
import importlib

import yaml

from il_core import share
from il_ros.graph import TABLE


def defaults():
    """Return parameter -> defaults of the nodes that have it."""
    found = {}
    for node in [row.node for row in TABLE if row.node.module]:
        params = getattr(importlib.import_module(node.module), node.cls).params_type
        for field in dataclasses.fields(params):
            found.setdefault(field.name, []).append(field.default)
    return found


def test_the_default_file_holds_the_defaults():
    data = yaml.safe_load(share.find('params', 'default').read_text())
    assert list(data) == ['/**']
    known = defaults()
    for name, value in data['/**']['ros__parameters'].items():
        assert known[name] == [value] * len(known[name]), name
