"""Text of the record that the operator writes on an AccessGrant.

The end of a duration and the cause of an end are in the status, and a duration counts
from the creation. A copy of the object (``kubectl get -o yaml``, a backup) has neither:
it would get its whole time again. So the operator writes an annotation, in the same
patch as the finalizer, and again when the grant ends early::

    {"uid":"…","start":"2026-11-24T12:00:00Z","end":"2026-11-24T13:00:00Z"}
    {"uid":"…","start":"…","end":"…","ended":"Revoked"}
    {"uid":"…","start":"…","end":"…","copyOf":"…"}

``uid`` is that of the object itself; on a copy it is that of the original, until the
copy starts. Everybody who may create or change an AccessGrant can write any text, so a
record never makes a window longer. One that cannot be read leaves nothing: it is not
known how much time is left.
"""

import json
from datetime import UTC, datetime
from typing import Final

from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import AccessRecord
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.window import format_instant, parse_instant

MAX_RECORD: Final = 512
"""Characters; the operator writes at most 220."""
MAX_UID: Final = 64
EARLY_ENDS: Final = frozenset(
    {Reason.REVOKED, Reason.DENIED, Reason.APPROVAL_TIMED_OUT}
)
"""Ends that do not follow from the time."""
_REQUIRED: Final = frozenset({"uid", "start", "end"})
"""Other fields are ignored, so an earlier version reads the records of a later one."""
_PAST: Final = datetime.min.replace(tzinfo=UTC)
UNREADABLE: Final = AccessRecord("", _PAST, _PAST)


def parse_record(text: str) -> AccessRecord:
    """Parse the text of a record; return ``UNREADABLE`` if anything is unexpected."""
    if len(text) > MAX_RECORD:
        return UNREADABLE
    try:
        return _parse(json.loads(text))
    except (ValueError, RecursionError, InvalidGrant):
        return UNREADABLE


def _parse(fields: object) -> AccessRecord:
    """Build a record from any JSON.

    Raises:
        ValueError, InvalidGrant: It is not the JSON of a record.
    """
    if not isinstance(fields, dict) or not fields.keys() >= _REQUIRED:
        raise ValueError
    if not all(isinstance(one, str) for one in fields.values()):
        raise ValueError
    record = AccessRecord(
        uid=fields["uid"],
        start=parse_instant(fields["start"]),
        end=parse_instant(fields["end"]),
        copy_of=fields.get("copyOf", ""),
        ended=Reason(fields["ended"]) if "ended" in fields else None,
    )
    uids = (record.uid, record.copy_of or record.uid)
    if not all(0 < len(uid) <= MAX_UID and uid.isascii() for uid in uids):
        raise ValueError
    if record.ended is not None and record.ended not in EARLY_ENDS:
        raise ValueError
    return record


def format_record(record: AccessRecord) -> str:
    """Format a record as the text that ``parse_record`` reads."""
    fields = {
        "uid": record.uid,
        "start": format_instant(record.start),
        "end": format_instant(record.end),
    }
    if record.copy_of:
        fields["copyOf"] = record.copy_of
    if record.ended is not None:
        fields["ended"] = str(record.ended)
    return json.dumps(fields, separators=(",", ":"))
