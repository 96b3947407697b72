"""Names to classes, loaded on first use: an extension is one file and one line in a registry."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from il_core.errors import InternalError, UserError
from il_core.extras import refusal


class Registry:
    """Map a public name to `module:attribute`, importing it only when it is asked for.

    Args:
        what: what the names stand for, in the singular, for error messages (`gate`).
        targets: name to `module:attribute`.
    """

    def __init__(self, what: str, targets: Mapping[str, str]) -> None:
        self.what = what
        self._targets = dict(targets)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._targets))

    def register(self, name: str, target: str) -> None:
        """Add a name. Raises UserError where it is taken: a silent override would change old
        checkpoints."""
        if name in self._targets:
            raise UserError(f'{self.what} name', name, f'already stands for {self._targets[name]}')
        self._targets[name] = target

    def load(self, name: str) -> Any:
        """Return the attribute behind `name`.

        Raises:
            UserError: the name is unknown (lists those there are), or needs a package of an extra
                that is not installed, or our messages where they are not built.
        """
        if name not in self._targets:
            raise UserError(self.what, name, 'not known', self.names())
        module, _, attribute = self._targets[name].partition(':')
        try:
            return getattr(importlib.import_module(module), attribute)
        except ImportError as error:
            if (refused := refusal(error)) is None:
                raise
            raise refused from error
        except AttributeError as error:
            raise InternalError(
                f'{self.what} {name}: {self._targets[name]} does not exist'
            ) from error
