"""The version that goes into manifests."""

from __future__ import annotations

import functools
from importlib import metadata


@functools.cache
def il_version() -> str:
    """Return the installed version; `source` where the tree runs without being installed."""
    try:
        return metadata.version('interactive-il')
    except metadata.PackageNotFoundError:
        return 'source'
