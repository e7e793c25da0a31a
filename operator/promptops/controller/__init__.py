"""Entry: the only importer of kopf; watches, decides through domain, writes status, publishes."""
