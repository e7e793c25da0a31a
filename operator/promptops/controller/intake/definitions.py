"""Whether the cluster's definitions are as new as this operator: an older one drops fields of every status without a word."""

from __future__ import annotations

from promptops.api.v1alpha1 import GROUP, KINDS, VERSION
from promptops.cluster.errors import Forbidden, NotFound
from promptops.cluster.objects import Objects
from promptops.domain.definitions import lacking

_TOLD = 3


async def outdated(objects: Objects) -> str | None:
    """Return which definition lacks what, and what to do; None when all are complete. Raises a ClusterError.

    An API server that publishes no schemas, or not to us, cannot be asked.
    """
    try:
        schemas = await objects.schemas(GROUP, VERSION)
    except (NotFound, Forbidden):
        return None
    for kind in KINDS:
        schema = schemas.get(kind.NAMES.kind)
        if schema is not None and (missing := lacking(kind, schema)):
            named = ", ".join(missing[:_TOLD]) + (f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else "")
            return (
                f"the CustomResourceDefinition {kind.NAMES.plural}.{GROUP} is older than this operator, it lacks {named}: "
                "apply the definitions of this release"
            )
    return None
