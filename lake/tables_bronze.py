"""Bronze: raw points, what was held back, and what became of every file."""

from lake import columns as c
from lake.columns import Column
from lake.table import Table

POINTS = Table(
    "bronze.points",
    "an accepted raw record, in canonical units",
    (
        c.RECORD_ID.required(),
        c.SOURCE.required(),
        c.DEVICE_ID.required(),
        c.EVENT_TS.required(),
        c.EVENT_DATE.required(),
        c.RECEIVED_TS.required(),
        c.LAT,
        c.LON,
        Column("speed_mps", "double", "m/s", "ground speed as the source measured it"),
        Column("heading_deg", "double", "deg", "course over ground, clockwise from north"),
        Column("altitude_m", "double", "m", "altitude"),
        Column("accel_lon_mps2", "double", "m/s2", "longitudinal acceleration, + is speeding up"),
        Column("accel_lat_mps2", "double", "m/s2", "lateral acceleration, + is a right turn"),
        Column("hdop", "double", "", "horizontal dilution of precision"),
        Column("accuracy_m", "double", "m", "horizontal accuracy as the receiver states it"),
        Column("posted_limit_mps", "double", "m/s", "posted speed limit"),
        Column("phone_use", "boolean", "", "the driver handles the phone"),
        Column("ignition", "boolean", "", "ignition on"),
        Column("firmware", "string", "", "device model and firmware, as the source states it"),
        Column("is_valid", "boolean", "", "the source's own quality flag; null where it has none"),
        c.SOURCE_FILE.required(),
        c.SOURCE_LINE.required(),
        c.CONTENT_SHA256.required(),
    ),
    key=("record_id",),
    partition_by=("event_date",),
)

QUARANTINE = Table(
    "bronze.quarantine",
    "a refused raw record, with what was wrong and where",
    (
        Column("quarantine_id", "string", "", "sha256 of source, content_sha256 and source_line", nullable=False),
        c.SOURCE.required(),
        Column("target", "string", "", "table the record was meant for", nullable=False),
        c.SOURCE_FILE.required(),
        c.SOURCE_LINE.required(),
        c.CONTENT_SHA256.required(),
        c.RECEIVED_TS.required(),
        Column("raw_text", "string", "", "the record as it came; null for no_consent and no_policy, whose position is not kept"),
        Column("reasons", "array<string>", "", "one entry per rule that refused it", nullable=False),
        c.STATED_TS,
        Column("released_as", "string", "", "brought back: accepted, or duplicate of what the target had; null while it is held"),
        Column("replayed_at", "timestamp", "UTC", "when a replay last began to bring it back", operational=True),
        Column("received_date", "date", "UTC", "date of received_ts; partition"),
    ),
    key=("quarantine_id",),
    partition_by=("source", "received_date"),
)

LEDGER = Table(
    "bronze.ledger",
    "one file of one batch, by content hash; read = accepted + duplicate + quarantined",
    (
        c.SOURCE.required(),
        Column("target", "string", "", "table the file is meant for", nullable=False),
        c.SOURCE_FILE.required(),
        c.CONTENT_SHA256.required(),
        Column("fingerprint", "string", "", "size and ETag or modification time: tells a known file without reading it"),
        Column("status", "string", "", "ingested, duplicate_file or refused", nullable=False),
        Column("reason", "string", "", "why a file was refused"),
        Column(
            "unmapped",
            "array<string>",
            "",
            "columns read past: the source neither maps nor ignores them; of JSON lines, of the first",
        ),
        Column("size_bytes", "bigint", "B", "bytes as stored"),
        Column("inflated_bytes", "bigint", "B", "bytes after decompression"),
        c.RECEIVED_TS,
        Column("batch_date", "date", "", "the night that took the file; null for a load by hand without --date"),
        Column("read", "bigint", "records", "records read", nullable=False),
        Column("accepted", "bigint", "records", "records that are in the target", nullable=False),
        Column("duplicate", "bigint", "records", "records that were there already", nullable=False),
        Column("quarantined", "bigint", "records", "records in bronze.quarantine", nullable=False),
        c.RUN_ID,
        Column("finished_at", "timestamp", "UTC", "when the row was written", operational=True),
    ),
    key=("source", "content_sha256", "source_file", "status"),
)
