"""`promptops demo`: the main job on a throw-away control plane, each step measured at the application's end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import click

from promptops import codegen
from promptops.cli.demo_folder import meanwhile
from promptops.cli.demo_language import accept_a_breaking_change, fail_a_test, refuse_a_typo, render_for_three_providers
from promptops.cli.demo_loss import lose_everything
from promptops.cli.demo_story import Story, StoryError
from promptops.client import PromptOpsClient
from promptops.dev import binaries
from promptops.dev.errors import DevError
from promptops.dev.lifecycle import bring_up, plane_folder, take_down
from promptops.dev.pace import Pace
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE
from promptops.dev.tools import CONTROL_PLANE
from promptops.settings.dev import DevSettings

_NAME = {"name": "Ada"}
_SECONDS = 55
"""On two cores."""
_NEXT = """
Next:
  .venv/bin/promptops dev up    # a plane that stays
  docs/getting-started.md       # edit, review, activate, roll back, hot reload, by your own hand
  make help                     # everything else"""


def apply_samples(story: Story) -> None:
    """`kubectl apply` of a folder: one text prompt, one chat, one inline source, one ConfigMap, one foreign id."""
    story.measure(
        "apply the samples", ("apply", "-f", str(story.samples)), "house-style", lambda answer: True, {"text": "x"}
    )
    story.expect("greeting", _NAME, lambda answer: answer.version == "1.0.0")
    story.kubectl("wait", "--for=condition=Converged", "--timeout=30s", "prompt", "--all")


def render_both_ways(story: Story) -> None:
    """The same answer over HTTP and through the asynchronous client."""

    async def ask() -> str:
        async with PromptOpsClient(socket=story.stack.sidecar.socket) as client:
            return (await client.render_prompt("greeting", variables=_NAME)).rendered_content

    over_http = story.render("greeting", _NAME).rendered_content
    if asyncio.run(ask()) != over_http:
        raise StoryError("the clients disagree about greeting")
    story.note("render through the sidecar", f"“{over_http.strip()}”", story.render_time("greeting", _NAME))


def activate(story: Story) -> None:
    """Activation is an edit of one line."""
    story.measure("activate 1.1.0", _activation("1.1.0"), "greeting", lambda answer: answer.version == "1.1.0", _NAME)


def roll_back(story: Story) -> None:
    """So is rollback."""
    story.measure(
        "roll back to 1.0.0", _activation("1.0.0"), "greeting", lambda answer: answer.version == "1.0.0", _NAME
    )


def hot_reload(story: Story) -> None:
    """A ConfigMap's new text becomes the next version and is served."""
    patch = '{"data": {"prompt": "Rewrite as a haiku: {{ text }}\\n"}}'
    story.measure(
        "edit a ConfigMap (hot reload)",
        ("patch", "configmap", "house-style", "--type=merge", "-p", patch),
        "house-style",
        lambda answer: "haiku" in answer.rendered_content,
        {"text": "x"},
    )


def come_back(story: Story) -> None:
    """Everything returns; an activation is served again."""
    story.restart(
        "start API server and operator again",
        ("kube-apiserver", "operator"),
        "greeting",
        _NAME,
        lambda answer: answer.source == "live",
    )
    story.measure(
        "activate 1.1.0 once more", _activation("1.1.0"), "greeting", lambda answer: answer.version == "1.1.0", _NAME
    )


STEPS: tuple[Callable[[Story], None], ...] = (
    apply_samples,
    render_both_ways,
    activate,
    roll_back,
    hot_reload,
    refuse_a_typo,
    fail_a_test,
    accept_a_breaking_change,
    render_for_three_providers,
    lose_everything,
    come_back,
)


@click.command()
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("manifests/samples"),
    show_default=True,
    help="Folder with the sample manifests.",
)
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the table to this SVG file as well."
)
def demo(samples: Path, picture: Path | None) -> None:
    """Show everything on a throw-away control plane, and what it takes from kubectl's return to the new answer."""
    settings = DevSettings.from_environment()
    folder = plane_folder(settings.cache, "demo")
    progress = Progress()
    try:
        take_down(folder)
        if not binaries.are_built(CONTROL_PLANE, settings):
            meanwhile(lambda: binaries.control_plane(settings, progress), samples, settings, progress)
        with Pace(settings.cache).measured("demo", _SECONDS) as (seconds, where):
            progress.say(f"The demo on a control plane takes about {seconds} s {where}.")
            _tell(folder, settings, progress, samples, picture)
    except (DevError, StoryError) as error:
        hint = getattr(error, "hint", "") or "run `promptops dev up` to keep a plane, and look at its logs"
        raise click.ClickException(f"{error}\nWhat helps: {hint}") from None
    finally:
        take_down(folder)
    click.echo("Everything is stopped and removed.", file=sys.stderr)
    click.echo(_NEXT, file=sys.stderr)


def _tell(folder: Path, settings: DevSettings, progress: Progress, samples: Path, picture: Path | None) -> None:
    up = bring_up(folder, settings, progress, codegen.manifests(NAMESPACE))
    if up.stack is None:
        raise StoryError("the plane came up without operator and sidecar")
    with Story(up.plane, up.stack, samples, progress) as story:
        for step in STEPS:
            step(story)
        story.print_table(picture)


def _activation(version: str) -> tuple[str, ...]:
    return ("patch", "prompt", "greeting", "--type=merge", "-p", f'{{"spec": {{"activeVersion": "{version}"}}}}')
