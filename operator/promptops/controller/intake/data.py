"""The data of ConfigMaps: beside the objects, read when a decision asks for it, what was looked at last up to a bound. No I/O.

The watch brings their metadata alone: with the label anybody may put a mebibyte where no prompt ever looks.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

from promptops.domain.manifests import PARTIAL, Manifest, mapping, metadata, uid_of

MOST_BYTES = 48 * 1024 * 1024
"""What is kept of all of them. More than one decision can ask for: nine ConfigMaps, four bytes a character."""
_PARTS = ("data", "binaryData")
_KEY_BYTES = 512
"""What a key takes besides itself, with the names of those who wrote it."""


class ConfigMapData:
    """What stands in ConfigMaps, by uid."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[str, tuple[str, dict[str, Any], int]] = OrderedDict()
        """uid → the resourceVersion at which it was read, what it was, and the bytes that takes."""
        self.size = 0

    def take(self, config_map: Manifest) -> dict[str, Any]:
        """Keep the data, if it came with the object, and return the object without it, and without who wrote which key."""
        uid, read = uid_of(config_map), metadata(config_map)
        rest = {key: value for key, value in config_map.items() if key not in _PARTS}
        rest["metadata"] = {key: value for key, value in read.items() if key != "managedFields"}
        self.drop(uid)
        if config_map.get("kind") != PARTIAL:
            # Binary keys cannot be a source; that they are there can be said.
            parts = {
                "data": dict(mapping(config_map.get("data"))),
                "binaryData": dict.fromkeys(mapping(config_map.get("binaryData")), ""),
                "metadata": read,
            }
            written = [pair for name in _PARTS for pair in parts[name].items()]
            size = sum(_KEY_BYTES + sys.getsizeof(key) + sys.getsizeof(value) for key, value in written)
            self._known[uid] = _version(config_map), parts, size
            self.size += size
            while self.size > self._most_bytes and len(self._known) > 1:
                self.drop(next(iter(self._known)))
        return rest

    def is_there(self, config_map: Manifest) -> bool:
        """Tell whether the data of this very state of an object is at hand."""
        known = self._known.get(uid_of(config_map))
        return known is not None and known[0] == _version(config_map)

    def whole(self, config_map: Manifest) -> Manifest:
        """Return the object with its data, as far as that is at hand."""
        if not self.is_there(config_map):
            return config_map
        uid = uid_of(config_map)
        self._known.move_to_end(uid)
        return {**config_map, **self._known[uid][1]}

    def drop(self, uid: str) -> None:
        """Forget the data of an object that is gone, or another one by now."""
        _, _, size = self._known.pop(uid, ("", {}, 0))
        self.size -= size

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self.size = 0


def _version(config_map: Manifest) -> str:
    return str(metadata(config_map).get("resourceVersion"))
