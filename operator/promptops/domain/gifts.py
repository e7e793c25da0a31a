"""What a Tenant gives to the prompts of its namespaces: values, and defaults that hold where they say nothing else."""

from typing import Final

from promptops.api import reasons
from promptops.api.limits import MAX_FILLED_BYTES
from promptops.api.v1alpha1.tenant import Defaults
from promptops.domain.content.canonical import canonical, json_bytes
from promptops.domain.content.parameters import check_extra
from promptops.domain.findings import Finding, join
from promptops.domain.manifests import Manifest, mapping, parse_as
from promptops.domain.snapshot import TenantGifts
from promptops.domain.stored import part_as_stored
from promptops.rendering.errors import InvalidSpec
from promptops.rendering.names import NAME_RULE, is_variable_name, shown

MAX_DEFAULTS_BYTES: Final = MAX_FILLED_BYTES // 4
"""Of the default parameters as JSON: they share an entry of the feed with the values of variables."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


def gifts_of(spec: Manifest) -> TenantGifts:
    """Return what a Tenant's spec gives, as far as that can be read."""
    values = {name: value for name, value in mapping(spec.get("values")).items() if isinstance(value, str)}
    written = mapping(spec.get("defaults"))
    defaults, _ = parse_as(Defaults, written, "spec.defaults")
    if defaults is None or any(each.severity == "error" for each in check_defaults(spec)):
        return TenantGifts(values, None, None)
    parameters = mapping(part_as_stored(written, Defaults).get("parameters"))
    return TenantGifts(values, parameters, seconds_of(defaults.max_staleness))


def check_defaults(spec: Manifest) -> tuple[Finding, ...]:
    """Return what a schema cannot say of a Tenant's default parameters: what JSON cannot carry everywhere, and too much."""
    path = "spec.defaults.parameters"
    try:
        parameters = mapping(mapping(spec.get("defaults")).get("parameters"))
        size = json_bytes(canonical(parameters))
    except InvalidSpec as error:
        return (Finding(error.reason, error.message, join(path, error.path)),)
    if size > MAX_DEFAULTS_BYTES:
        message = f"has {size} bytes as JSON, at most {MAX_DEFAULTS_BYTES} are allowed: shorten it"
        return (Finding(reasons.INVALID_SPEC, message, path),)
    return tuple(check_extra(parameters, parameters, path, {}))


def check_values(spec: Manifest) -> tuple[Finding, ...]:
    """Return which of a Tenant's values fill nothing, for no variable can have their name."""
    message = f"fills nothing, for it is no variable's name: {NAME_RULE}"
    return tuple(
        Finding(reasons.INVALID_SPEC, message, join("spec.values", shown(name)), severity="warning")
        for name in mapping(spec.get("values"))
        if not is_variable_name(name)
    )


def seconds_of(staleness: str | None) -> int:
    """Return a maxStaleness in seconds; 0 for none."""
    return int(staleness[:-1]) * _UNITS[staleness[-1]] if staleness else 0
