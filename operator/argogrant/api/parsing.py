"""How an object's spec enters the domain, and what is said of one that can not."""

from typing import Any, TypeVar

from pydantic import ValidationError

from argogrant.api.schema import Model
from argogrant.grants.model.errors import InvalidGrant

Spec = TypeVar("Spec", bound=Model)


def read_spec(model: type[Spec], spec: Any) -> Spec:  # noqa: ANN401
    """Read what a person wrote, as the API server gives it.

    Args:
        model: What the CRD describes.
        spec: The object's spec; None if it has none.

    Raises:
        InvalidGrant: It is not what the CRD describes; an older CRD, or none, let it
            pass. The message names the field.
    """
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, ("spec", *first["loc"])))
        raise InvalidGrant(f"{where}: {first['msg']}") from error
