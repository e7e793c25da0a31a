"""A rendered prompt as the request that a model's provider takes: one file per provider's form, none with an opinion of its own."""
