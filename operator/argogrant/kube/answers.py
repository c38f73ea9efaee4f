"""Answers of an API server: JSON, and what every object and list in it has.

The owner of another cluster can answer anything. These functions return what the caller
relies on, or raise ``InvalidAnswer``, which the client reports as a failed request.
"""

import json
import re
from typing import Any, Final

from argogrant.grants.model.untrusted_text import valid_text

JSONObject = dict[str, Any]


class InvalidAnswer(ValueError):
    """An answer that no API server sends; the message does not quote it."""


_SURROGATES: Final = (rb"\ud", rb"\uD")
_VERSION: Final = re.compile("[0-9]{1,20}")


def parse_json(text: bytes) -> Any:  # noqa: ANN401 - JSON of any type
    """Parse JSON; lone surrogates, which are no text, become U+FFFD.

    Raises:
        ValueError: It is no JSON, is not UTF-8, or is nested too deeply.
    """
    try:
        # Without the strict decoding, json.loads accepts surrogates that are encoded.
        parsed = json.loads(text.decode())
        if any(half in text for half in _SURROGATES):
            parsed = json.loads(valid_text(json.dumps(parsed, ensure_ascii=False)))
    except RecursionError as error:
        raise InvalidAnswer("the JSON is nested too deeply") from error
    return parsed


def as_object(answer: object) -> JSONObject:
    """Return an object that has a name and a version.

    Raises:
        InvalidAnswer: It does not.
    """
    body = as_mapping(answer)
    metadata = metadata_of(body)
    names = (metadata.get("name"), metadata.get("namespace", ""))
    if not all(isinstance(name, str) for name in names):
        raise InvalidAnswer("the response has an object without a name")
    return body


def as_items(answer: JSONObject) -> list[JSONObject]:
    """Return the objects of a list.

    Raises:
        InvalidAnswer: One of them is no object.
    """
    items = answer.get("items") or []
    if not isinstance(items, list):
        raise InvalidAnswer("the response is no list")
    return [as_object(item) for item in items]


def metadata_of(body: JSONObject) -> JSONObject:
    """Return the metadata of an object or list, whose resourceVersion is a number.

    Raises:
        InvalidAnswer: It is not, or there is none.

    Source: Kubernetes, "API Concepts", on comparing resource versions.
    """
    metadata = as_mapping(body.get("metadata"))
    version = metadata.get("resourceVersion")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise InvalidAnswer("the response has no resourceVersion")
    return metadata


def as_mapping(answer: object) -> JSONObject:
    """Return a JSON object.

    Raises:
        InvalidAnswer: It is something else.
    """
    if not isinstance(answer, dict):
        raise InvalidAnswer("the response has something else than an object")
    return answer
