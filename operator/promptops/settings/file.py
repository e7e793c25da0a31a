"""Settings in a file, read again while a process runs: what a file says stands behind what the environment says.

A key is a variable without its prefix, as in `logLevel` for PROMPTOPS_LOG_LEVEL. A file that is gone, cannot be read or says something
impossible changes nothing: what was last said well goes on, and it is said why.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from promptops.rendering.errors import InvalidDocument
from promptops.settings.environment import SettingsError, optional_path

PREFIX: Final = "PROMPTOPS_"
FILE_VARIABLE: Final = "PROMPTOPS_SETTINGS_FILE"
MAX_BYTES: Final = 256 * 1024
Settings = TypeVar("Settings")


class SettingsFile(Generic[Settings]):
    """What a process is told by its environment and by a file behind it. `look` blocks; the rest belongs to one event loop."""

    def __init__(
        self, path: Path | None, make: Callable[[Mapping[str, str]], Settings], environ: Mapping[str, str] = os.environ
    ) -> None:
        """`make`: reads settings from variables. Raises SettingsError when what stands there is impossible.

        A file that is not there yet is taken up when it comes.
        """
        self.path = path
        self.problem: str | None = None
        """Why the file does not count as it stands now; None when it does."""
        self._make = make
        self._environ = environ
        self._data: bytes | None = None
        self._listeners: list[Callable[[Settings, Settings], None]] = []
        try:
            self._data = self._read()
        except OSError as error:
            self.problem = _gone(error)
        self.current = self._settings(self._data or b"")

    @classmethod
    def from_environment(
        cls, make: Callable[[Mapping[str, str]], Settings], environ: Mapping[str, str] = os.environ
    ) -> SettingsFile[Settings]:
        """Follow the file that PROMPTOPS_SETTINGS_FILE names, if it names one. Raises SettingsError."""
        return cls(optional_path(environ, FILE_VARIABLE), make, environ)

    def listen(self, callback: Callable[[Settings, Settings], None]) -> None:
        """Call it with the settings before and now whenever they have become others."""
        self._listeners.append(callback)

    def read(self) -> bytes | None:
        """Return what the file says if that is news, None if it is not. May be called in any thread. Raises OSError."""
        data = self._read()
        return data if data != self._data or self.problem is not None else None

    def take(self, data: bytes) -> bool:
        """Settle for what the file says; return whether something has changed. Raises SettingsError: then nothing has."""
        try:
            settings = self._settings(data)
        except SettingsError as error:
            self.problem = str(error)
            raise
        before, self.current, self._data, self.problem = self.current, settings, data, None
        if settings == before:
            return False
        for callback in self._listeners:
            callback(before, settings)
        return True

    def lost(self, error: OSError) -> None:
        """Note that the file cannot be read: what it said goes on."""
        self.problem = _gone(error)

    def _read(self) -> bytes:
        if self.path is None:
            return b""
        with self.path.open("rb") as file:
            return file.read(MAX_BYTES + 1)

    def _settings(self, data: bytes) -> Settings:
        said = _variables(self.path, data) if self.path is not None and data.strip() else {}
        asked = _Asked({**said, **self._environ})
        settings = self._make(asked)
        for variable in said:
            if variable not in asked.names:
                key, known = key_of(variable), [key_of(name) for name in asked.names if name.startswith(PREFIX)]
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
                raise SettingsError(f"{self.path}: there is no setting {key[:64]!r} here{hint}")
        return settings


class _Asked(Mapping[str, str]):
    """Variables, and which of them were asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.names: set[str] = set()
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        value = self._variables[name]
        try:
            value.encode()
        except UnicodeEncodeError:
            # As the system hands over bytes that are none: nobody could be told of such a name.
            raise SettingsError(f"{name} is {value!r}, which is not valid UTF-8; write it as UTF-8") from None
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def key_of(variable: str) -> str:
    """Return what a variable is called in a file."""
    first, *others = variable.removeprefix(PREFIX).lower().split("_")
    return first + "".join(word.capitalize() for word in others)


def variable_of(key: str) -> str:
    """Return which variable a key of a file is."""
    return PREFIX + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).upper()


def _variables(path: Path, data: bytes) -> dict[str, str]:
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{path} has more than {MAX_BYTES // 1024} KiB")
    said = _parsed(path, data)
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise SettingsError(f"{path} must be a mapping, as in logLevel: debug")
    return {variable_of(str(key)): _text(path, str(key), value) for key, value in said.items() if value is not None}


def _parsed(path: Path, data: bytes) -> Any:
    # Whoever has no such file need not load what reads YAML.
    from promptops.domain.content.documents import read_json, read_yaml

    try:
        text = data.decode()
        return read_json(text) if path.suffix == ".json" else read_yaml(text)
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8") from None
    except InvalidDocument as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None


def _text(path: Path, key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise SettingsError(f"{path}: {key[:64]} must be a text, a whole number, true or false")


def _gone(error: OSError) -> str:
    return f"cannot be read: {error.strerror or type(error).__name__}; what it said before goes on"
