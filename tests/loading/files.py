"""Files and sources that the loading tests write."""

import datetime as dt
import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import yaml

from jobs.loading import LoadResult, listed, load
from lake.conf import Conf
from lake.delta import Lake
from lake.sources import Source

NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
PHONE = """
name: phone
description: a phone of the tests
format: {type: jsonl}
received: {path_pattern: 'date=(?P<date>\\d{4}-\\d{2}-\\d{2})/hour=(?P<hour>\\d{2})'}
consent: {required: false, waiver: made up}
columns:
  device_id: {column: device}
  event_ts: {time: {columns: [ts], format: epoch_ms}}
  lat: {column: pos.lat}
  lon: {column: pos.lon}
  speed_mps: {column: speed, unit: km/h}
  heading_deg: {column: heading}
  phone_use: {column: phone}
"""
CLAIMS = """
name: claims
description: claims of the tests
target: reference.claims
format: {type: csv}
received: {columns: [known_from], format: iso}
columns:
  claim_id: {column: claim_id}
  policy_id: {constant: p1}
  vehicle_id: {constant: v1}
  coverage: {constant: liability}
  occurred_ts: {time: {columns: [occurred], format: iso}}
  reported_ts: {time: {columns: [occurred], format: iso}}
  status: {column: status}
  incurred_minor: {column: incurred}
  currency: {constant: EUR}
"""
CLAIMS_HEADER = "claim_id,occurred,status,incurred,known_from"


def source(text: str, **overrides: Any) -> Source:
    """A source from YAML, with top-level keys replaced."""
    return Source.model_validate({**yaml.safe_load(text), **overrides})


def point(second: int = 0, **overrides: Any) -> str:
    """A good point of d1 at noon plus some seconds, as a JSON line."""
    ts = int((NOON + dt.timedelta(seconds=second)).timestamp() * 1000)
    base = {"device": "d1", "ts": ts, "pos": {"lat": 48.1, "lon": 11.5}, "speed": 36.0, "heading": 90, "phone": 0}
    return json.dumps({**base, **overrides})


def write(path: Path, lines: list[str] | list[bytes], *, ending: bytes = b"\n") -> Path:
    """Write lines, gzipped where the name says so; the last one has an ending too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = [x if isinstance(x, bytes) else x.encode() for x in lines]
    content = b"".join(x + ending for x in raw)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def hour(folder: Path, name: str = "a.jsonl.gz", date: str = "2026-01-05", of_day: str = "13") -> Path:
    """Where the phone's delivery stream writes."""
    return folder / f"date={date}" / f"hour={of_day}" / name


def run(lake: Lake, conf: Conf, src: Source, *inputs: Path | str, **options: Any) -> LoadResult:
    """Load by hand."""
    given: dict[str, Any] = {"date": None, "received_at": None, "run_id": uuid.uuid4().hex, "floor": None, **options}
    return load(lake, conf, src, listed([str(x) for x in inputs]), **given)


def utc(collected: dt.datetime) -> dt.datetime:
    """What Spark collects is local time without a zone."""
    return collected.astimezone(dt.UTC)


def sums(result: LoadResult) -> tuple[int, int, int, int]:
    """(read, accepted, duplicate, quarantined)."""
    return result.read, result.accepted, result.duplicate, result.quarantined
