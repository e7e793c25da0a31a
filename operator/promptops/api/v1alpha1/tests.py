"""The tests of a prompt: values, and what has to come out of them before a version may serve."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promptops.api.limits import MAX_TEMPLATE_CHARACTERS
from promptops.api.v1alpha1.content import MAX_VALUE_CHARACTERS
from promptops.api.v1alpha1.schema import WHOLE, FreeJson, Items, Model, Rule, Spelling

MAX_TESTS = 32
MAX_EXPECTATIONS = 16
MAX_TESTS_BYTES = 128 * 1024
"""Of all tests of a version as compact JSON."""

MODEL = Spelling(
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}/[A-Za-z0-9._:/@-]{1,136}$", "write a model as provider/name, without * and ?"
)
TEST_NAME = Spelling(
    "^[^\\x00-\\x20\\x7f-\\xa0]([^\\x00-\\x1f\\x7f-\\x9f]{0,98}[^\\x00-\\x20\\x7f-\\xa0])?$",
    "write a test's name in one line without blanks at its ends, at most 100 characters",
)

Refusal = Literal["InvalidVariables", "RenderFailed", "BudgetExceeded", "OutputTooLarge"]
"""How a render can end without a text."""

_KINDS = ("equals", "contains", "notContains", "matches", "maxLength", "error")


class Expectation(Model):
    """One thing that must hold of what a test renders: the text, or all messages of a chat with an empty line between them."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{kind})' for kind in _KINDS)}].filter(each, each).size() == 1",
            f"an expectation is exactly one of {', '.join(_KINDS)}",
            lambda expectation: len(expectation.model_fields_set) == 1,
        ),
    )

    equals: Annotated[str, Field(max_length=MAX_TEMPLATE_CHARACTERS)] | None = None
    """The whole text is this."""
    contains: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """This stands somewhere in it."""
    not_contains: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """This stands nowhere in it."""
    matches: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """A regular expression of RE2, which never backtracks, matches somewhere in it; ^ and $ are its beginning and end."""
    max_length: Annotated[int, Field(ge=0, le=MAX_VALUE_CHARACTERS), WHOLE] | None = None
    """It has at most so many characters."""
    error: Refusal | None = None
    """Nothing is rendered, for this reason."""


class PromptTest(Model):
    """Values, and what has to come out of them. Without expectations it is enough that they can be rendered."""

    name: Annotated[str, Field(max_length=100), TEST_NAME]
    """What the test shows. It is its own among the tests of a version."""
    variables: FreeJson = None
    """The values, by the names of the variables; a history is a list of messages. What nobody declared is an error."""
    model: Annotated[str, Field(max_length=200), MODEL] | None = None
    """The model that the render is for, as provider/name: a variant that matches it answers."""
    expect: Annotated[Items[Expectation], Field(min_length=1, max_length=MAX_EXPECTATIONS)] | None = None
    """What must hold, all of it."""


PromptTests = Annotated[Items[PromptTest], Field(min_length=1, max_length=MAX_TESTS)]


class FailedTest(Model):
    """A test that failed."""

    name: Annotated[str, Field(max_length=100)]
    """Its name."""
    message: Annotated[str, Field(max_length=1024)]
    """What did not hold. It quotes no value of a sensitive variable."""


class TestsStatus(Model):
    """How the tests of a version ended."""

    passed: int
    """So many passed."""
    failed: int
    """So many failed. A version with a failed test is not activated."""
    failures: Annotated[Items[FailedTest], Field(max_length=5)] | None = None
    """The first of them."""
