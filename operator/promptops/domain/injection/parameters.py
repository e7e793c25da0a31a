"""What an installation says of its sidecars, read from the ConfigMaps in which it says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from promptops.api.names import INJECTION_CONFIG_MAP, TRUST_CONFIG_MAP, TRUST_KEY
from promptops.domain.injection.description import PARAMETERS
from promptops.domain.manifests import Manifest, mapping, name_of

Parameters = Mapping[str, str]
"""PARAMETERS and TRUST_KEY, every one of them there."""

_MAY_BE_EMPTY = frozenset(
    {"cpuLimit", "collectorUrl", "redisUrl", "redisUsername", "redisSecret", "redisAuthority", "redisWrites"}
)


class ParametersIncomplete(ValueError):
    """Something that every sidecar needs to know was not said; the message names it."""


def parameters_of(data: Mapping[str, object]) -> Parameters:
    """Return the parameters that stand in the data of the ConfigMaps. Raises ParametersIncomplete."""
    wanted = (*PARAMETERS, TRUST_KEY)
    found = {key: value for key in wanted if isinstance(value := data.get(key), str)}
    missing = [key for key in wanted if not found.get(key) and not (key in _MAY_BE_EMPTY and key in found)]
    if missing:
        raise ParametersIncomplete(
            f"{', '.join(missing)} of the injection is not said: it stands in the ConfigMaps {INJECTION_CONFIG_MAP} and "
            f"{TRUST_CONFIG_MAP} of the operator's namespace"
        )
    return found


def parameters_in(objects: Iterable[Manifest]) -> Parameters:
    """Return the parameters that the ConfigMaps among some objects say. Raises ParametersIncomplete."""
    data: dict[str, object] = {}
    for each in objects:
        if each.get("kind") == "ConfigMap" and name_of(each) in (INJECTION_CONFIG_MAP, TRUST_CONFIG_MAP):
            data |= mapping(each.get("data"))
    return parameters_of(data)
