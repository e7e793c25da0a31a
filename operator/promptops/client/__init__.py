"""What applications import: two clients of the sidecar, their settings, the answers and the errors."""

from promptops.api.http import (
    Health,
    PromptDetail,
    PromptSummary,
    RenderedMessage,
    RenderResponse,
    VariableError,
    Warning,
)
from promptops.client.asynchronous import PromptOpsClient
from promptops.client.config import ClientConfig
from promptops.client.errors import (
    AuthenticationError,
    AuthorizationError,
    ClientClosedError,
    ConfigurationError,
    NetworkError,
    PromptNotFoundError,
    PromptOpsError,
    RateLimitError,
    ServerError,
    TimeoutError,
    ValidationError,
)
from promptops.client.synchronous import SyncPromptOpsClient

__all__ = [
    "PromptOpsClient",
    "SyncPromptOpsClient",
    "ClientConfig",
    "RenderResponse",
    "RenderedMessage",
    "PromptDetail",
    "PromptSummary",
    "Health",
    "Warning",
    "VariableError",
    "PromptOpsError",
    "AuthenticationError",
    "AuthorizationError",
    "PromptNotFoundError",
    "ValidationError",
    "NetworkError",
    "TimeoutError",
    "RateLimitError",
    "ServerError",
    "ConfigurationError",
    "ClientClosedError",
]
