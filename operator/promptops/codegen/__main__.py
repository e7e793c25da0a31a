"""`python -m promptops.codegen`."""

from promptops.codegen.command import codegen

codegen(prog_name="python -m promptops.codegen")
