"""The log of decisions as the cluster keeps it: ConfigMaps of fixed names in the operator's namespace, one a segment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from promptops.api.names import DECISIONS
from promptops.cluster.errors import Conflict, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS
from promptops.domain.journal import DECISIONS_KEY, SEGMENT_KEY, SEGMENTS, Segment, segment_of
from promptops.domain.manifests import Manifest, metadata


@dataclass
class Ring:
    """Reads every segment, and writes the last ones. Whoever writes on an older state is refused, and reads again."""

    objects: Objects
    namespace: str
    _there: dict[int, Manifest] = field(default_factory=dict)
    """By place in the ring, as it was last read or written."""

    async def read(self) -> tuple[Segment, ...]:
        """Return all segments, the oldest first. Raises a ClusterError."""
        self._there.clear()
        for place, name in enumerate(DECISIONS):
            try:
                self._there[place] = await self.objects.get(CONFIG_MAPS, self.namespace, name)
            except NotFound:
                continue
        return tuple(sorted(map(segment_of, self._there.values()), key=lambda each: each.number))

    async def write(self, segments: tuple[Segment, ...]) -> None:
        """Write segments where they belong, over what stood there a whole round ago.

        Raises Conflict when somebody else wrote since they were read, and any other ClusterError.
        """
        for segment in segments:
            place = segment.number % SEGMENTS
            manifest = self._manifest(DECISIONS[place], segment)
            held = self._there.get(place)
            if held is None:
                self._there[place] = await self.objects.create(CONFIG_MAPS, manifest)
            elif segment_of(held) != segment:
                version = metadata(held).get("resourceVersion")
                if version is None:
                    raise Conflict("a segment of the log was read without its resourceVersion")
                manifest["metadata"]["resourceVersion"] = version
                self._there[place] = await self.objects.replace(CONFIG_MAPS, manifest)

    def _manifest(self, name: str, segment: Segment) -> dict[str, Any]:
        return {
            "apiVersion": CONFIG_MAPS.api_version,
            "kind": CONFIG_MAPS.kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "data": {SEGMENT_KEY: str(segment.number), DECISIONS_KEY: segment.written},
        }
