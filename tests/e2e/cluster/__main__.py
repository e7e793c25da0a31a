"""`python -m tests.e2e.cluster up|down`: the node of the end-to-end tests, by hand."""

from __future__ import annotations

import sys

from promptops.dev.errors import DevError
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.e2e.cluster import real_pods, sessions


def main(arguments: list[str]) -> None:
    """Bring the node up and print how to use it, or end it."""
    if arguments == ["up"]:
        cluster = sessions.start_real_pods(DevSettings.from_environment(), Progress(), attached=False)
        print(f"export KUBECONFIG={cluster.kubeconfig} KUBECTL={cluster.kubectl_path}")
        print(f"# images: {cluster.images.name('operator')} {cluster.images.name('sidecar')}")
    elif arguments == ["down"]:
        real_pods.down()
    else:
        sys.exit("usage: python -m tests.e2e.cluster up|down")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except DevError as error:
        sys.exit(f"Error: {error}")
