"""The services of a graph that people call: what each is called, takes and does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interactive_il.srv import (
    CancelJob,
    LabelEpisode,
    ResetSim,
    SetBudget,
    StartEpisode,
    StartJob,
    StepSim,
    StopEpisode,
)
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_core.types import Outcome

OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_BOOLEANS = {'true': True, 'false': False}


@dataclass(frozen=True)
class Service:
    """A service type, and what calling it does; its fields are those of its request, of which
    `needed` have no default that anybody would mean."""

    kind: Any
    words: str
    needed: tuple[str, ...] = ()

    def fields(self) -> dict[str, str]:
        """Return the request's fields: name -> ROS type."""
        return dict(self.kind.Request.get_fields_and_field_types())


SERVICES = {
    'episode/start': Service(StartEpisode, 'open a bag; from here on the gate lets somebody act'),
    'episode/stop': Service(StopEpisode, 'close the running bag with an outcome', ('outcome',)),
    'episode/discard': Service(Trigger, 'move the running episode, or the last one, to the trash'),
    'episode/label': Service(
        LabelEpisode, 'change the outcome of a finished episode', ('outcome',)
    ),
    'episode/undo': Service(Trigger, 'bring back the episode that was discarded last'),
    'gate/takeover': Service(Trigger, 'let the human drive'),
    'gate/release': Service(Trigger, 'let the policy drive again'),
    'gate/resume': Service(Trigger, 'leave HOLD'),
    'gate/estop': Service(Trigger, 'latch the emergency stop, as its button does'),
    'gate/reset_estop': Service(Trigger, 'unlatch the emergency stop; the gate holds then'),
    'gate/set_budget': Service(
        SetBudget, 'how often a gate with a budget may ask, until the next swap', ('alpha',)
    ),
    'jobs/train': Service(StartJob, "retrain from the run's bags, then swap to the result"),
    'jobs/cancel': Service(CancelJob, 'stop the job; what it had trained is kept'),
    'sim/reset': Service(ResetSim, 'put the world into the initial state of a seed', ('seed',)),
    'sim/step': Service(StepSim, 'advance a world by n ticks, or stop it with pause=true'),
}


def request(name: str, given: dict[str, str]) -> Any:
    """Return the request for a service from words.

    Args:
        name: of the service, without namespace.
        given: field -> value as text; others than the needed ones have ROS' defaults.

    Raises:
        UserError: there is no such service or field, one is missing, or a value is none of its
            type.
    """
    if name not in SERVICES:
        raise UserError('service', name, 'not known', SERVICES)
    kind, fields = SERVICES[name].kind, SERVICES[name].fields()
    if missing := [field for field in SERVICES[name].needed if field not in given]:
        raise UserError(f'fields of {name}', ' '.join(given), f'must name {", ".join(missing)}')
    values = {}
    for field, text in given.items():
        if field not in fields:
            raise UserError(f'field of {name}', field, 'not known', fields or ['none'])
        what = f'{field} of {name}'
        if field == 'outcome':
            values[field] = _outcome(what, text)
        else:
            values[field] = _value(fields[field], what, text)
        try:
            kind.Request(**{field: values[field]}, check_fields=True)  # its type's range
        except AssertionError as error:
            raise _no_number(what, text, fields[field]) from error
    return kind.Request(**values)


def _outcome(what: str, text: str) -> int:
    if text.lower() not in OUTCOMES:
        raise UserError(what, text, 'not known', OUTCOMES)
    return Outcome[text.upper()].value


def _value(kind: str, what: str, text: str) -> Any:
    if kind == 'string':
        return text
    if kind == 'boolean':
        if text.lower() not in _BOOLEANS:
            raise UserError(what, text, 'not known', _BOOLEANS)
        return _BOOLEANS[text.lower()]
    try:
        return float(text) if kind in ('double', 'float') else int(text)
    except ValueError as error:
        raise _no_number(what, text, kind) from error


def _no_number(what: str, text: str, kind: str) -> UserError:
    return UserError(what, text, f'must be a number of type {kind}')
