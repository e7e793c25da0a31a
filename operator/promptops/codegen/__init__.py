"""Everything derived from the models: CRDs, admission policies, RBAC, the chart's share of them, the reference.

`manifests(namespace)` gives an installation without helm. `python -m promptops.codegen` writes the files.

The generated templates of the chart are complete. They lean on these names of the chart, and nothing else:
- helpers `promptops.fullname`, `promptops.labels`, `promptops.serviceAccountName`, `promptops.injectionParameters`
- values `crds.enabled` (templates/crds), `policies.enabled` (templates/policies), `rbac.create` (templates/rbac),
  `admission.enabled` (templates/webhooks), `injection.mode`, `relay.replicas`, `gateway.replicas`
Namespace, ServiceAccount and everything that runs are the chart's own.
"""

from promptops.codegen.installation import manifests

__all__ = ["manifests"]
