"""Whether an object holds what another one says, whatever else was filled in. Pure."""

from typing import Any


def holds(wanted: Any, seen: Any) -> bool:  # noqa: ANN401
    """Tell whether everything that is wanted is there.

    An API server leaves out what is empty, and fills in what has a default: neither is
    a difference.

    Args:
        wanted: Part of an object, as it is shipped.
        seen: The same part, as an API server has it.
    """
    if isinstance(wanted, dict):
        return isinstance(seen or {}, dict) and all(
            holds(value, (seen or {}).get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        found = seen or []
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(map(holds, wanted, found))
        )
    return bool(wanted == seen) or (not wanted and not seen)
