"""A driver's log as EMR puts it on S3: a gzip that is written over while the run goes on."""

import zlib
from collections.abc import Sequence
from typing import Any

from emr.aws import asking, client
from lake.errors import TelematicsError
from lake.s3 import bucket_and_key

_GZIP = 31
_NOT_THERE = frozenset({"NoSuchKey", "404", "NoSuchBucket"})


class Logs:
    """Reads objects again only when they have changed."""

    def __init__(self, region: str, s3_client: Any = None) -> None:
        self.client = s3_client or client("s3", region)
        self._seen: dict[str, tuple[str, str]] = {}

    def read(self, places: Sequence[str]) -> str | None:
        """The text of the first place that is there; None where none is. Raises Unreachable or Refused."""
        return next((text for place in places if (text := self._text(place)) is not None), None)

    def _text(self, place: str) -> str | None:
        from botocore.exceptions import ClientError

        bucket, key = bucket_and_key(place)
        etag, text = self._seen.get(place, (None, None))
        with asking(f"reading {place}"):
            try:
                answer = self.client.get_object(Bucket=bucket, Key=key, **({"IfNoneMatch": etag} if etag else {}))
            except ClientError as e:
                code = e.response["Error"].get("Code", "")
                if code in _NOT_THERE:
                    return None
                if code in ("304", "NotModified"):
                    return text
                raise
            body = answer["Body"].read()
        self._seen[place] = (answer["ETag"], unzipped(body))
        return self._seen[place][1]


def unzipped(content: bytes) -> str:
    """The text of a gzip of one or more members, as far as it goes; what is none is taken as it is."""
    text, rest = b"", content
    try:
        while rest:
            member = zlib.decompressobj(_GZIP)
            text += member.decompress(rest)
            rest = member.unused_data
    except zlib.error:
        text = text or content
    return text.decode(errors="replace")


class Tail:
    """The lines that a log gained since it was last looked at."""

    def __init__(self, logs: Logs) -> None:
        self.logs = logs
        self._shown: dict[str, int] = {}

    def news(self, stream: str, places: Sequence[str], *, to_the_end: bool = False) -> list[str]:
        """Whole lines, and the last part of one only with `to_the_end`. What cannot be read now is there later: no error."""
        try:
            text = self.logs.read(places) or ""
        except TelematicsError:
            return []
        shown = self._shown.get(stream, 0)
        # a log that is shorter than it was has been begun anew
        fresh = text[shown:] if len(text) >= shown else text
        end = len(fresh) if to_the_end else fresh.rfind("\n") + 1
        self._shown[stream] = len(text) - len(fresh) + end
        return fresh[:end].splitlines()
