"""Picture of how a grant flows, drawn from the tables below as an SVG.

``docs/README.md`` shows it. The picture has its own background, since a page can be
dark regardless of what the reader's system prefers, and it is narrow, so its text stays
legible on a phone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

ROOT: Final = Path(__file__).parent.parent
PICTURE: Final = "docs/assets/grant-flow.svg"
WIDTH: Final = 620
HEIGHT: Final = 836
TITLE_SIZE: Final = 15
LINE: Final = 18
"""Distance of two lines of text."""


class Box(NamedTuple):
    """A rectangle with a title and lines of detail, all centered."""

    x: int
    y: int
    width: int
    height: int
    style: str
    title: str
    details: tuple[str, ...] = ()


class Arrow(NamedTuple):
    """A straight arrow; its label is on its right, or above and below it."""

    start: tuple[int, int]
    end: tuple[int, int]
    label: tuple[str, ...] = ()


BOXES: Final = (
    Box(20, 20, 180, 36, "person", "Requester"),
    Box(220, 20, 180, 36, "person", "Approver"),
    Box(420, 20, 180, 36, "person", "Administrator"),
    Box(20, 96, 180, 66, "object", "AccessGrant", ("subject, role, end", "and why")),
    Box(
        220, 96, 180, 66, "object", "AccessApproval", ("names one grant", "by its uid")
    ),
    Box(
        420, 96, 180, 66, "object", "AccessPolicy", ("who may request,", "who approves")
    ),
    Box(
        *(20, 202, 580, 52, "cluster", "Kubernetes API server"),
        ("Admission policies verify the requester and the approver.",),
    ),
    Box(20, 294, 580, 168, "group", "argogrant operator"),
    Box(36, 332, 100, 62, "step", "gather", ("all objects",)),
    Box(148, 332, 100, 62, "step", "decide", ("in force?",)),
    Box(260, 332, 100, 62, "step", "plan", ("which lines?",)),
    Box(372, 332, 100, 62, "step", "apply", ("one write",)),
    Box(484, 332, 100, 62, "step", "report", ("status, audit",)),
    Box(20, 528, 160, 62, "sweep", "argogrant sweep", ("every minute",)),
    Box(220, 528, 200, 62, "written", "argocd-rbac-cm", ("policy.argogrant.csv",)),
    Box(450, 528, 150, 62, "optional", "AppProject", ("members of roles",)),
    Box(
        *(220, 644, 380, 52, "cluster", "Argo CD"),
        ("Checks each request against the policy.",),
    ),
    Box(20, 730, 145, 58, "denies", "Argo CD denies", ("before the grant",)),
    Box(237, 730, 146, 58, "allows", "Argo CD allows", ("in force",)),
    Box(455, 730, 145, 58, "denies", "Argo CD denies", ("after the end",)),
)

ARROWS: Final = (
    Arrow((110, 56), (110, 96), ("creates",)),
    Arrow((310, 56), (310, 96), ("creates",)),
    Arrow((510, 56), (510, 96), ("creates",)),
    Arrow((110, 162), (110, 202)),
    Arrow((310, 162), (310, 202)),
    Arrow((510, 162), (510, 202)),
    Arrow((310, 254), (310, 294), ("watch",)),
    Arrow((136, 363), (148, 363)),
    Arrow((248, 363), (260, 363)),
    Arrow((360, 363), (372, 363)),
    Arrow((472, 363), (484, 363)),
    Arrow((310, 462), (310, 528), ("adds the line,", "later removes it")),
    Arrow((512, 462), (512, 528), ("if", "configured")),
    Arrow((180, 559), (220, 559)),
    Arrow((310, 590), (310, 644), ("watch",)),
    Arrow((512, 590), (512, 644), ("watch",)),
    Arrow((165, 759), (237, 759), ("line", "added")),
    Arrow((383, 759), (455, 759), ("line", "removed")),
)

NOTES: Final = (
    (310, 424, "Reconciles when an object changes, at every start and end,"),
    (310, 442, "and once a minute in case a watch has missed something."),
    (100, 614, "The second path:"),
    (100, 632, "removes what has"),
    (100, 650, "expired, even while"),
    (100, 668, "the operator is down."),
    (310, 816, "A grant ends when it expires, is revoked or is deleted."),
)
"""Text without a box: the middle, the base line and the words."""

STYLE: Final = """\
svg { --page: #ffffff; --text: #1f2430; --dim: #565e6c; --line: #6b7381;
  --plain: #f2f4f7; --kind: #e3ebfb; --step: #ffffff; --written: #fdf0d0;
  --yes: #d9f2df; --no: #fbe0de; }
@media (prefers-color-scheme: dark) {
  svg { --page: #1b1f27; --text: #eceff4; --dim: #b3bbc8; --line: #8f98a8;
    --plain: #272d38; --kind: #263a5e; --step: #343c4a; --written: #54431a;
    --yes: #1f4a2c; --no: #5a2a28; }
}
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  text-anchor: middle; fill: var(--dim); font-size: 13px; }
text.title { fill: var(--text); font-size: 15px; font-weight: 600; }
text.label { text-anchor: start; }
rect { stroke: var(--line); fill: var(--plain); }
rect.page { fill: var(--page); stroke: none; }
rect.person { fill: var(--page); }
rect.object { fill: var(--kind); }
rect.step { fill: var(--step); }
rect.written { fill: var(--written); stroke-width: 2; }
rect.optional { fill: var(--page); stroke-dasharray: 5 4; }
rect.sweep { fill: var(--step); stroke-width: 2; }
rect.allows { fill: var(--yes); }
rect.denies { fill: var(--no); }
line { stroke: var(--line); stroke-width: 1.5; marker-end: url(#head); }
#head path { fill: var(--line); }"""


def generated_files() -> dict[str, str]:
    """Return the picture by its path in the repository."""
    return {PICTURE: "\n".join(svg()) + "\n"}


def svg() -> Iterator[str]:
    """Draw the picture, line by line."""
    yield (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
    )
    yield "<!-- Written by docs/generate_picture.py; run `make generate`. -->"
    yield "<title>Lifecycle of a grant, from its request to its end</title>"
    yield f"<style>\n{STYLE}\n</style>"
    yield '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" orient="auto"'
    yield 'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse">'
    yield '<path d="M0 0 8 4 0 8z"/></marker>'
    yield f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="10"/>'
    for box in BOXES:
        yield from drawn_box(box)
    for arrow in ARROWS:
        yield from drawn_arrow(arrow)
    for x, y, words in NOTES:
        yield text(x, y, words)
    yield "</svg>"


def drawn_box(box: Box) -> Iterator[str]:
    """Draw a box; the title of a group is at its top, that of others centered."""
    radius = box.height // 2 if box.style == "person" else 6
    yield (
        f'<rect class="{box.style}" x="{box.x}" y="{box.y}" '
        f'width="{box.width}" height="{box.height}" rx="{radius}"/>'
    )
    middle = box.x + box.width // 2
    rows = 1 + len(box.details)
    top = box.y + (box.height - rows * LINE) // 2 + TITLE_SIZE - 1
    if box.style == "group":
        top = box.y + LINE + TITLE_SIZE // 2
    yield text(middle, top, box.title, style="title")
    for row, words in enumerate(box.details, start=1):
        yield text(middle, top + row * LINE, words)


def drawn_arrow(arrow: Arrow) -> Iterator[str]:
    """Draw an arrow and its label."""
    (x1, y1), (x2, y2) = arrow.start, arrow.end
    yield f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
    middle = (y1 + y2 + TITLE_SIZE) // 2 - 4
    if x1 == x2:
        first = middle - (len(arrow.label) - 1) * LINE // 2
        for row, words in enumerate(arrow.label):
            yield text(x1 + 8, first + row * LINE, words, style="label")
    else:
        for words, y in zip(arrow.label, (y1 - 8, y1 + LINE), strict=False):
            yield text((x1 + x2) // 2, y, words)


def text(x: int, y: int, words: str, *, style: str = "") -> str:
    """Draw one line of text."""
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x}" y="{y}">{escape(words)}</text>'


if __name__ == "__main__":
    for path, drawing in generated_files().items():
        (ROOT / path).write_text(drawing)
