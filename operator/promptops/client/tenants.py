"""Several tenants in one process: a client for each, with its own token, place and settings. No call of one is ever made with another's."""

from __future__ import annotations

import threading
from difflib import get_close_matches
from typing import Generic, TypeVar

from promptops.client.asynchronous import PromptOpsClient
from promptops.client.config import ClientConfig
from promptops.client.errors import ConfigurationError, TenantUnknownError
from promptops.client.synchronous import SyncPromptOpsClient

Client = TypeVar("Client", PromptOpsClient, SyncPromptOpsClient)


class TenantClients(Generic[Client]):
    """Clients by tenant. Safe for threads.

    tenants = TenantClients(PromptOpsClient)
    tenants.add_tenant("acme", ClientConfig(base_url="https://prompts.example", token_file="/run/acme/token"))
    await tenants.of("acme").render_prompt("greeting", {"name": "Ada"})
    """

    def __init__(self, kind: type[Client]) -> None:
        """`kind`: PromptOpsClient or SyncPromptOpsClient."""
        self._kind: type[Client] = kind
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The tenants, sorted."""
        return tuple(sorted(self._clients))

    def add_tenant(self, tenant: str, config: ClientConfig) -> Client:
        """Return the client of a new tenant. Raises ConfigurationError, also when there is one of that name."""
        if not isinstance(tenant, str) or not tenant:
            raise ConfigurationError("a tenant is named by a string that is not empty")
        with self._lock:
            if tenant in self._clients:
                raise ConfigurationError(
                    f"there is a tenant {tenant!a} already: change it with update_config, or remove it"
                )
            made = self._clients[tenant] = self._kind(config)
        return made

    def of(self, tenant: str) -> Client:
        """Return the client of a tenant. Raises TenantUnknownError."""
        found = self._clients.get(tenant) if isinstance(tenant, str) else None
        if found is None:
            near = tuple(get_close_matches(tenant, self._clients, 3)) if isinstance(tenant, str) else ()
            raise TenantUnknownError(tenant, near)
        return found

    def remove_tenant(self, tenant: str) -> Client:
        """Forget a tenant and return its client, which is to be closed by whoever asked. Raises TenantUnknownError."""
        found = self.of(tenant)
        with self._lock:
            self._clients.pop(tenant, None)
        return found
