"""The only reader of the environment: what each role needs to know, as frozen values."""
