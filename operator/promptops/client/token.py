"""What a client shows to say who it is, beyond a socket: a token, or a file in which one stands that is renewed under our feet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from promptops.client.errors import ConfigurationError

LOOK_SECONDS: Final = 10.0
"""So often a file is read again."""


class BearerToken:
    """A bearer token. Safe for threads."""

    def __init__(self, text: str | None, file: str | Path | None) -> None:
        self._text = None if text is None else checked(text, "token")
        self._file = None if file is None else Path(file)
        self._looked = float("-inf")

    def __call__(self) -> str | None:
        """Return the token as it is now; None: nothing is shown. Raises ConfigurationError when the file has none."""
        if self._file is not None and time.monotonic() - self._looked >= LOOK_SECONDS:
            try:
                self._text = checked(self._file.read_text().strip(), f"the token in {self._file}")
            except (OSError, UnicodeDecodeError) as error:
                if self._text is None:
                    raise ConfigurationError(f"token_file {self._file} cannot be read: {error}") from None
            self._looked = time.monotonic()
        return self._text


def checked(token: object, given_as: str) -> str:
    """Return what can stand in a header. Raises ConfigurationError, which does not repeat it."""
    if not (isinstance(token, str) and token and token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError(f"{given_as} must be printable ASCII without blanks, and is not")
    return token
