"""The panda at another rate, as a YAML file for --robot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from il_core import share


def robot_at(folder: Path, rate_hz: float, **stream_hz: float) -> str:
    """Write config/robots/panda.yaml with another tick rate, and other rates of some streams.

    Returns the path as text, for the parameter `robot`.
    """
    data: dict[str, Any] = yaml.safe_load(share.find('robots', 'panda').read_text())
    data |= {'name': f'panda_{rate_hz:g}hz', 'rate_hz': rate_hz}
    for stream in data['streams']:
        stream['rate_hz'] = stream_hz.get(stream['name'], rate_hz)
    path = folder / f'{data["name"]}.yaml'
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return str(path)
