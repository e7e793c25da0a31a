"""`promptops codegen`, for those who work on the product itself."""

from promptops.codegen.command import codegen

__all__ = ["codegen"]
