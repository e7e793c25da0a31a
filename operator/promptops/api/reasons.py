"""The words for why: the same constant stands in a condition, an Event, a problem's code and a metric label."""

from typing import Final

# Ready of a Prompt, and of a PromptVersion
ACTIVE: Final = "Active"
AVAILABLE: Final = "Available"
DISABLED: Final = "Disabled"
NO_ACTIVE_VERSION: Final = "NoActiveVersion"
NOTHING_ASKED: Final = "NothingAsked"
CREATION_REFUSED: Final = "CreationRefused"
VERSION_NOT_FOUND: Final = "VersionNotFound"
VERSION_OF_OTHER_PROMPT: Final = "VersionOfOtherPrompt"
VERSION_INVALID: Final = "VersionInvalid"
VERSION_ARCHIVED: Final = "VersionArchived"
VERSION_DEPRECATED: Final = "VersionDeprecated"
DIGEST_MISMATCH: Final = "DigestMismatch"
DIGEST_CHANGED: Final = "DigestChanged"
ID_CONFLICT: Final = "IdConflict"
CONFIG_MAP_NOT_FOUND: Final = "ConfigMapNotFound"
CONFIG_MAP_NOT_LABELLED: Final = "ConfigMapNotLabelled"
CONFIG_MAP_KEY_NOT_FOUND: Final = "ConfigMapKeyNotFound"
SOURCE_INVALID: Final = "SourceInvalid"
TENANT_UNKNOWN: Final = "TenantUnknown"
TENANT_CONFLICT: Final = "NamespaceConflict"
INVALID_SPEC: Final = "InvalidSpec"

# History of a Prompt
ACTIVATED: Final = "Activated"
ROLLED_BACK: Final = "RolledBack"
SOURCE_CHANGED: Final = "SourceChanged"

# Converged
CONVERGED: Final = "Converged"
CONVERGING: Final = "Converging"
LAGGING: Final = "Lagging"
NO_CONSUMERS: Final = "NoConsumers"
NOTHING_SERVED: Final = "NothingServed"
NOT_IN_FORCE: Final = "NotInForce"

# InUse of a PromptVersion
IN_USE: Final = "InUse"
NOT_IN_USE: Final = "NotInUse"
SUPERSEDED: Final = "Superseded"

# Claims of a Tenant
CLAIMED: Final = "Claimed"

# What is wrong with content
TEMPLATE_SYNTAX: Final = "TemplateSyntax"
UNDECLARED_VARIABLE: Final = "UndeclaredVariable"
UNUSED_VARIABLE: Final = "UnusedVariable"
EMPTY_TEXT: Final = "EmptyText"
DUPLICATE_VARIABLE: Final = "DuplicateVariable"
INVALID_VARIABLE: Final = "InvalidVariable"
INVALID_MESSAGES: Final = "InvalidMessages"
CONTENT_TOO_LARGE: Final = "ContentTooLarge"
CONTENT_UNCHECKABLE: Final = "ContentUncheckable"
INVALID_CHARACTER: Final = "InvalidCharacter"
INVALID_NUMBER: Final = "InvalidNumber"
ROLE_MARKER: Final = "RoleMarker"
PREFIX_NOT_CACHEABLE: Final = "PrefixNotCacheable"

# Answers of a render
PROMPT_NOT_FOUND: Final = "PromptNotFound"
PROMPT_DISABLED: Final = "PromptDisabled"
PROMPT_UNAVAILABLE: Final = "PromptUnavailable"
INVALID_VARIABLES: Final = "InvalidVariables"
INVALID_REQUEST: Final = "InvalidRequest"
REQUEST_TOO_LARGE: Final = "RequestTooLarge"
OUTPUT_TOO_LARGE: Final = "OutputTooLarge"
FORMAT_UNSUPPORTED: Final = "FormatUnsupported"
BUDGET_EXCEEDED: Final = "BudgetExceeded"
RENDER_FAILED: Final = "RenderFailed"
NOT_READY: Final = "NotReady"

# Warnings of a render
UNKNOWN_VARIABLE: Final = "UnknownVariable"
STALE: Final = "Stale"
PARAMETER_LEFT_OUT: Final = "ParameterLeftOut"
VALUE_CHANGED: Final = "ValueChanged"

# The feed
UNAUTHENTICATED: Final = "Unauthenticated"
AUTHENTICATION_UNAVAILABLE: Final = "AuthenticationUnavailable"
TOO_MANY_REQUESTS: Final = "TooManyRequests"
BLOB_NOT_FOUND: Final = "BlobNotFound"
UNKNOWN_KEY: Final = "UnknownKey"
BAD_SIGNATURE: Final = "BadSignature"
BAD_DIGEST: Final = "BadDigest"
WRONG_SCOPE: Final = "WrongScope"
FORK: Final = "Fork"
MALFORMED: Final = "Malformed"
LOWER_POSITION: Final = "LowerPosition"
BASE_NOT_HELD: Final = "BaseNotHeld"
BLOB_MISSING: Final = "BlobMissing"
CONTENT_NOT_UNDERSTOOD: Final = "ContentNotUnderstood"
FEATURE_NOT_UNDERSTOOD: Final = "FeatureNotUnderstood"
UNKNOWN_PROTOCOL: Final = "UnknownProtocol"
UNREACHABLE: Final = "Unreachable"
HEARTBEAT_MISSED: Final = "HeartbeatMissed"
GOODBYE: Final = "Goodbye"
INTERNAL_ERROR: Final = "InternalError"

# The snapshot on disk
SNAPSHOT_CORRUPT: Final = "Corrupt"
SNAPSHOT_UNKNOWN_FORMAT: Final = "UnknownFormat"
SNAPSHOT_LOCKED: Final = "Locked"
SNAPSHOT_DISK_FULL: Final = "DiskFull"
SNAPSHOT_READ_ONLY: Final = "ReadOnly"
SNAPSHOT_FAILED: Final = "Failed"
SNAPSHOT_SLOW: Final = "Slow"
