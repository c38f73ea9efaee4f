"""Type the tutorial on a real control plane, and write what is seen into the page.

It takes minutes and needs the programs of ``make control-plane``, so it is no part of
``make generate``: ``tests/pages/test_tutorial.py`` says when it is due.
"""

import tempfile
from pathlib import Path

import controlplane
from support import tutorial_player


def main() -> None:
    """Rewrite the page; answers that differ only in their times stay as they are."""
    with controlplane.start() as plane, tempfile.TemporaryDirectory() as folder:
        with tutorial_player.reader(plane, Path(folder)) as reader:
            page = reader.rewritten(tutorial_player.PAGE.read_text())
        tutorial_player.PAGE.write_text(page)


if __name__ == "__main__":
    main()
