"""Description of an exception that was not foreseen, without secrets.

Its text can quote what was read when it was raised: a line of a kubeconfig with a
token, a Secret, an answer. So the text is shown only of types whose texts are about
code, and of argogrant's own. The type and the places in the code are always shown.
"""

import traceback
from typing import Final

from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.validation import one_line

MAX_FRAMES: Final = 4
MAX_TEXT: Final = 300
_ABOUT_CODE: Final = (
    AttributeError,
    ImportError,
    NameError,
    NotImplementedError,
    RecursionError,
    TypeError,
)
"""Their texts name types, attributes and modules."""


def describe_exception(error: BaseException, frames: int = MAX_FRAMES) -> str:
    """Return an exception in one line of ASCII: type, text if it is safe, places.

    Args:
        error: The exception.
        frames: Number of places in the code, the innermost ones.
    """
    places = " > ".join(
        f"{one.filename.rpartition('argogrant/')[2]}:{one.lineno} in {one.name}"
        for one in traceback.extract_tb(error.__traceback__)[-frames:]
    )
    text = safe_text(error)
    words = [type(error).__name__, *([text] if text else [])]
    return " ".join([*words, *([f"({places})"] if places else [])])


def safe_text(error: BaseException) -> str:
    """Return the text of an exception if it cannot quote what was read; else empty."""
    if isinstance(error, OSError):
        return one_line(error.strerror or "")
    if isinstance(error, (AccessGrantError, *_ABOUT_CODE)):
        return one_line(ascii(str(error)[:MAX_TEXT])[1:-1])
    return ""


def chain_of(error: BaseException) -> list[BaseException]:
    """Return an exception and the exceptions that caused it, the first cause last."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain
