"""Who calls: tokens to scopes."""
