"""
PromptError
├── InvalidSpec              the author must edit an object; retrying is useless
│   ├── InvalidTemplate      … at this line and column
│   └── InvalidDocument      … JSON or YAML that cannot be read, at this line and column
├── InvalidInput             the caller of a render sent something wrong
│   └── InvalidVariables     … these variables, all of them named
├── PromptNotFound           no prompt or version of that name is held
├── PromptDisabled           the kill switch is on
├── TooManyRenders           more in a second than the namespace's tenant allows; retry after a while
└── Unavailable              what is needed is not there now; retry
"""

from promptops.api import reasons
from promptops.api.http import VariableError


class PromptError(Exception):
    """Root of everything a decision can object to. `reason` is a constant of promptops.api.reasons."""

    reason: str = reasons.INVALID_SPEC
    retryable: bool = False
    retry_after: int | None = None
    """Whole seconds after which it may go better; None: nobody knows."""


class InvalidSpec(PromptError):
    """The author must edit the object."""

    def __init__(self, reason: str, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.reason = reason
        self.message = message
        self.path = path


class InvalidTemplate(InvalidSpec):
    """A template is refused at a line and column, both counted from 1."""

    def __init__(
        self, message: str, line: int, column: int, path: str = "", reason: str = reasons.TEMPLATE_SYNTAX
    ) -> None:
        super().__init__(reason, f"line {line}, column {column}: {message}", path)
        self.objection = message
        self.line = line
        self.column = column


class InvalidDocument(InvalidSpec):
    """A JSON or YAML text is refused at a line and column, both counted from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(reasons.SOURCE_INVALID, f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column


class InvalidInput(PromptError):
    """The caller sent something wrong."""

    def __init__(self, message: str, reason: str = reasons.INVALID_REQUEST) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidVariables(InvalidInput):
    """Variables are missing or wrong; `errors` names all of them."""

    def __init__(self, errors: tuple[VariableError, ...]) -> None:
        super().__init__("; ".join(error.detail for error in errors), reasons.INVALID_VARIABLES)
        self.errors = errors


class PromptNotFound(PromptError):
    """No prompt, or no version of it, of that name is held."""

    reason = reasons.PROMPT_NOT_FOUND

    def __init__(self, message: str, suggestions: tuple[str, ...] = (), reason: str = reasons.PROMPT_NOT_FOUND) -> None:
        super().__init__(message)
        self.suggestions = suggestions
        self.reason = reason


class PromptDisabled(PromptError):
    """The prompt's kill switch is on."""

    reason = reasons.PROMPT_DISABLED


class TooManyRenders(PromptError):
    """More renders were asked for than the tenant allows a pod."""

    reason = reasons.TOO_MANY_REQUESTS
    retryable = True

    def __init__(self, per_second: int, retry_after: int) -> None:
        super().__init__(
            f"the tenant allows this pod {per_second} renders a second: send fewer, add pods, or have its limit raised"
        )
        self.retry_after = retry_after


class Unavailable(PromptError):
    """What is needed is not there now."""

    reason = reasons.PROMPT_UNAVAILABLE
    retryable = True
