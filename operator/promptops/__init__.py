"""PromptOps: LLM prompts as Kubernetes resources, served to applications from a render cache."""
