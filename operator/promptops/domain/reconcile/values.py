"""What fills the variables of a prompt that declare fromValues: the tenant's values, and ConfigMaps that the spec names.

The caller's value is always taken before it, and a variable's default behind it. What cannot be had or does not fit changes
nothing: the last values stay.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from promptops.api import reasons
from promptops.api.content import Variable
from promptops.api.feed import MAX_PINS, VersionReference
from promptops.api.limits import MAX_FILLED_BYTES
from promptops.api.v1alpha1 import WATCH_LABEL
from promptops.api.wire import Unreadable, read_value
from promptops.domain.content.declarations import read_variable
from promptops.domain.gifts import seconds_of
from promptops.domain.manifests import Manifest, mapping, sequence, text
from promptops.domain.ownership import values_maps_of
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.problem import Obstacle
from promptops.rendering.errors import InvalidVariables
from promptops.rendering.variables import resolve


@dataclass(frozen=True)
class Filling:
    """What comes from outside the versions, and what is to be said of it."""

    json: str = ""
    """A Supplement as JSON; empty when nothing comes."""
    problem: Obstacle | None = None
    unfilled: tuple[str, ...] = ()
    """Variables of the served version that nothing fills and that callers therefore have to give."""


def fill(case: Case, stable: VersionReference | None) -> Filling:
    """Return the values for what is served, which is `stable`, with the tenant's parameters."""
    if case.spec is None:
        return Filling(case.memory.values)
    known, gifts = _known(case.memory.values), case.snapshot.gifts
    if not (known or values_maps_of(case.prompt) or gifts.values or gifts.parameters):
        return Filling()
    values, problem = _values(case, stable)
    variables = known.get("variables", {}) if problem else values
    parameters = known.get("parameters", {}) if gifts.parameters is None else gifts.parameters
    given = {"parameters": parameters, "variables": variables}
    written = msgspec.json.encode({name: each for name, each in given.items() if each}, order="sorted")
    if len(written) > MAX_FILLED_BYTES:
        size = f"{len(written)} bytes as JSON with the tenant's parameters"
        message = f"the values have {size}, at most {MAX_FILLED_BYTES} are allowed: shorten them"
        return Filling(case.memory.values, Obstacle(reasons.VALUES_INVALID, message))
    return Filling(written.decode() if any(given.values()) else "", problem, tuple(_unfilled(case, stable, variables)))


def max_staleness(case: Case) -> int:
    """Return how many seconds renders go on unconfirmed: the prompt's own bound before the tenant's; 0 for none."""
    if case.spec is None:
        return case.memory.max_staleness_seconds
    default = case.snapshot.gifts.max_staleness_seconds
    return seconds_of(case.spec.max_staleness) or (case.memory.max_staleness_seconds if default is None else default)


def _known(values: str) -> Manifest:
    """Return what the status says; what cannot be read was never given."""
    try:
        return {name: mapping(each) for name, each in mapping(read_value(values or "{}")).items()}
    except Unreadable:
        return {}


def _values(case: Case, stable: VersionReference | None) -> tuple[dict[str, Any], Obstacle | None]:
    """Return what fills variables, or why the last values have to stay."""
    names = values_maps_of(case.prompt)
    missing = next((name for name in names if name not in case.snapshot.values_maps), None)
    if missing is not None:
        return {}, _missing(missing)
    given = _given(case, names)
    declared = _declared(case, stable) if given else {}
    values: dict[str, Any] = {}
    for name, (place, written) in given.items():
        if name in declared:
            value, objection = _read(declared[name], written)
            if objection:
                return {}, Obstacle(reasons.VALUES_INVALID, f"{place}: {objection}: correct it there")
            values[name] = value
    return values, None


def _missing(name: str) -> Obstacle:
    message = (
        f'ConfigMap "{name}" of spec.valuesFrom is not there, or lacks the label {WATCH_LABEL}: "true" without which it '
        "is not read: create it or label it; the last values stay"
    )
    return Obstacle(reasons.CONFIG_MAP_NOT_FOUND, message, "arrival", missing=("ConfigMap", name))


def _given(case: Case, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Return where each value stands and how it is written there, the strongest."""
    place = f"spec.values of tenant {case.snapshot.tenant}"
    given = {name: (f"{place}, {name}", text(value)) for name, value in case.snapshot.gifts.values.items()}
    for config_map in names:
        data = mapping(case.snapshot.values_maps[config_map].get("data"))
        given |= {name: (f'ConfigMap "{config_map}" key "{name}"', text(value)) for name, value in data.items()}
    return given


def _declared(case: Case, stable: VersionReference | None) -> dict[str, Variable]:
    """Return the variables to fill: as what is served declares them, else the newest version that may be asked for."""
    served = case.versions.compiled(stable) if stable is not None else None
    versions = (*((served,) if served is not None else ()), *case.versions.own[:MAX_PINS])
    found: dict[str, Variable] = {}
    for version in versions:
        for variable in _filled_in(version.content) if version.sound else ():
            found.setdefault(variable.name, variable)
    return found


def _filled_in(content: Manifest) -> Iterator[Variable]:
    declared = map(mapping, sequence(content.get("variables")))
    return (read_variable(each) for each in declared if each.get("fromValues"))


def _unfilled(case: Case, stable: VersionReference | None, values: Mapping[str, Any]) -> Iterator[str]:
    served = case.versions.compiled(stable) if stable is not None else None
    for variable in _filled_in(served.content) if served is not None else ():
        if variable.required and variable.name not in values:
            yield variable.name


def _read(variable: Variable, written: str) -> tuple[Any, str]:
    """Return a value, and what is wrong with it."""
    try:
        value = written if variable.type == "string" else read_value(written)
        return resolve((variable,), {}, strict=True, filled={variable.name: value}).values[variable.name], ""
    except Unreadable:
        return None, "is not JSON, as every value but a string's must be"
    except InvalidVariables as refusal:
        return None, "; ".join(each.detail for each in refusal.errors)
