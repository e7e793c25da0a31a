"""Entry: the admission webhook - says at `kubectl apply` what the operator would say later, and gives pods their sidecar."""
