"""Write the reference of errors: what each looks like, what it means, what to do.

A test provokes each on a real API server and compares; ``<time>`` and ``<server>`` in a
message stand for whatever it is that time. To add a message that users see, add it to
``troubles_of_people`` or ``troubles_of_operators``. Add the scenario that provokes it
to ``tests/support/error_scenarios.py``, or to ``policy_error_scenarios.py`` or
``remote_error_scenarios.py`` next to it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from admission_remedies import AdmissionMessage, admission_messages, remedy_for
from pages import NOTE, table
from trouble import Group, Trouble
from troubles_of_operators import CLUSTERS, COMMANDS, INSTANCES
from troubles_of_people import APPROVALS, GRANTS, REFUSED

ROOT = Path(__file__).parent.parent
PAGE: Final = "docs/reference/errors.md"
GROUPS: Final = (REFUSED, GRANTS, APPROVALS, INSTANCES, CLUSTERS, COMMANDS)
TROUBLES: Final = {one.name: one for group in GROUPS for one in group.troubles}
MASKS: Final = {
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "<server>": r"https://[\d.]+:\d+",
    "<id>": "[0-9a-f]{12}",
}
"""What differs each time, and what it looks like."""
INTRODUCTION: Final = """\
Each of these was provoked on a real API server, and looks there as it does here; names
are those of the test. The reason of a condition stands before its message. Every reason
is in [Reasons](reasons.md).

If a command fails in a way that argogrant does not foresee, it prints one line and
exits with status 2. With `ARGOGRANT_DEBUG=1` it also prints the exceptions and their
places in the code. No message contains the text of a file with credentials, of an
answer that is not the API server's own, or of a library's exception.
"""


ADMISSION: Final = """\
## Messages of the admission policies

The [admission policies](../how-to/verified-identity.md) are optional. While they are
installed, the API server prints `ValidatingAdmissionPolicy '…' with binding '…' denied
request:` and one of these messages; nothing was created or changed. If the correct
value is too long to be shown, the message names the command that shows it.
"""


def generated_files() -> dict[str, str]:
    """Give the page's text by its path in the repository."""
    return {PAGE: page()}


def page() -> str:
    """Write the whole page."""
    sections = [_section(group) for group in GROUPS if group.troubles]
    sections.insert(1, _admission_messages())
    return "\n".join([f"# Errors\n\n{NOTE}\n", INTRODUCTION, *sections])


def _admission_messages() -> str:
    rows = [
        (f"`{one.policy}`", _shown(one), remedy_for(one.message))
        for one in admission_messages()
    ]
    head = ("policy", "message", "to do")
    return f"{ADMISSION}\n{table(head, rows)}"


def _shown(one: AdmissionMessage) -> str:
    """Return the message as users see it, without what differs each time."""
    if not one.has_value:
        return one.message
    field = one.message.split()[0].removeprefix("spec.")
    problem = one.message.partition("; ")[0]
    return f"{problem}. Write below spec: {field}: {{username: …, groups: […]}}"


def pattern_of(trouble: Trouble) -> re.Pattern[str]:
    """Give what the message looks like at any time."""
    pattern = re.escape(trouble.message)
    for mask, differs in MASKS.items():
        pattern = pattern.replace(re.escape(mask), differs)
    return re.compile(pattern)


def _section(group: Group) -> str:
    return "\n".join([f"## {group.title}\n\n{group.where}\n", *_entries(group)])


def _entries(group: Group) -> Iterator[str]:
    for one in group.troubles:
        yield f"### {one.title}\n\n```text\n{one.message}\n```\n"
        yield f"{one.meaning}\n\n**To do:** {one.remedy}\n"


if __name__ == "__main__":
    for path, text in generated_files().items():
        (ROOT / path).write_text(text)
