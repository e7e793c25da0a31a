"""Keys that lie in files: 32 bytes in base64, as `openssl rand -base64 32` and `promptops key` print them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from promptops.settings.environment import SettingsError

KEY_BYTES: Final = 32


def key_in(file: Path, variable: str) -> bytes:
    """Read the key in the file that an environment variable names. Raises SettingsError, which quotes nothing of it."""
    try:
        key = base64.b64decode(file.read_text().strip(), validate=True)
    except OSError as error:
        raise SettingsError(f"{variable} cannot be read: {error}") from None
    except ValueError:
        raise SettingsError(f"{variable} ({file}) is not base64") from None
    if len(key) != KEY_BYTES:
        raise SettingsError(
            f"{variable} ({file}) has {len(key)} bytes; a key has {KEY_BYTES}, as from: openssl rand -base64 32"
        )
    return key
