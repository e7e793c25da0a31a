"""A throw-away, real Kubernetes control plane on this machine, without containers."""
