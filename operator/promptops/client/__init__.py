"""What applications import: two clients of the sidecar, their settings, the answers and the errors."""

from promptops.api.http import (
    Health,
    PromptDetail,
    PromptSummary,
    RenderedMessage,
    RenderResponse,
    VariableError,
    VersionDetail,
    Warning,
)
from promptops.api.observed import FeedbackAnswer, PromptEvent
from promptops.client.asynchronous import PromptOpsClient
from promptops.client.breaker import CircuitBreaker, CircuitBreakerConfig, CircuitState
from promptops.client.caching import CacheConfig, CacheLevel, CacheStatistics, RedisConfig
from promptops.client.config import ClientConfig
from promptops.client.errors import (
    AuthenticationError,
    AuthorizationError,
    CacheError,
    CircuitOpenError,
    ClientClosedError,
    ConfigurationError,
    NetworkError,
    PromptNotFoundError,
    PromptOpsError,
    RateLimitError,
    ServerError,
    TelemetryError,
    TenantUnknownError,
    TimeoutError,
    ValidationError,
)
from promptops.client.outliers import EjectionConfig, EndpointStatistics
from promptops.client.retrying import RetryConfig
from promptops.client.statistics import ClientStatistics
from promptops.client.synchronous import SyncPromptOpsClient
from promptops.client.telemetry import TelemetryConfig
from promptops.client.tenants import TenantClients
from promptops.client.vocabulary import (
    ModelCompatibility,
    ModelProvider,
    PromptValidation,
    PromptVariables,
    RenderItem,
)

__all__ = [
    "PromptOpsClient",
    "SyncPromptOpsClient",
    "ClientConfig",
    "CacheConfig",
    "TelemetryConfig",
    "CacheLevel",
    "CacheStatistics",
    "RedisConfig",
    "PromptEvent",
    "TenantClients",
    "TenantUnknownError",
    "RetryConfig",
    "EjectionConfig",
    "EndpointStatistics",
    "CircuitBreakerConfig",
    "CircuitBreaker",
    "CircuitState",
    "ModelProvider",
    "PromptVariables",
    "RenderItem",
    "RenderResponse",
    "RenderedMessage",
    "PromptDetail",
    "PromptSummary",
    "VersionDetail",
    "PromptValidation",
    "ModelCompatibility",
    "ClientStatistics",
    "FeedbackAnswer",
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
    "CircuitOpenError",
    "ServerError",
    "CacheError",
    "TelemetryError",
    "ConfigurationError",
    "ClientClosedError",
]
