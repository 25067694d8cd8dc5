"""What a load does, written by hand for DuckDB: the same files, rules, identities, duplicates and outputs, as Parquet."""

from pathlib import Path

import duckdb

MEASURED = {
    "lat": ("lat", -90, 90), "lon": ("lon", -180, 180), "speed_mps": ("speed", 0, 150), "heading_deg": ("heading", 0, 360),
    "altitude_m": ("alt", -500, 9000), "accuracy_m": ("acc", 0, 1e6), "accel_lon_mps2": ("ax", -98.0665, 98.0665),
    "accel_lat_mps2": ("ay", -98.0665, 98.0665), "posted_limit_mps": ("limit_kmh", 0, 150),
}  # fmt: skip
"""Our column: its field in the file, and the lowest and highest possible value."""
FIELDS = ("device", "ts", "phone", *(field for field, _, _ in MEASURED.values()))
COMPARED = ("device_id", "epoch_us(event_ts)", *MEASURED, "phone_use", "source_file", "source_line", "content_sha256")

FILES_SQL = """
CREATE TEMP TABLE files AS SELECT filename AS source_file, sha256(content) AS content_sha256,
  strptime(regexp_extract(filename, 'date=([0-9-]+)', 1) || ' ' || regexp_extract(filename, 'hour=([0-9]+)', 1), '%Y-%m-%d %H')
    + INTERVAL 3599 SECOND AS received_ts
FROM read_blob('{inputs}')
"""
LINES_SQL = """
CREATE TEMP TABLE read AS
WITH lines AS (
  SELECT line, filename AS source_file, row_number() OVER () AS n
  FROM read_csv('{inputs}', columns = {{'line': 'VARCHAR'}}, delim = '\\x01', quote = '', escape = '', header = false,
    auto_detect = false, filename = true)
), parsed AS (
  SELECT source_file, n, line,
    CASE WHEN json_valid(line) AND starts_with(ltrim(line), '{{') THEN from_json(line, '{shape}') END AS j
  FROM lines WHERE NOT regexp_full_match(line, '\\s*')
), fields AS (
  SELECT source_file, n, line, j IS NULL AS malformed, {fields} FROM parsed
), typed AS (
  SELECT source_file, n, line, malformed, nullif(trim(_device), '') AS device_id, _ts, _phone, {raws},
    make_timestamp(TRY_CAST(_ts AS BIGINT) * 1000) AS event_ts, {values},
    CASE WHEN _phone IN ('true', '1', 'yes', 'Yes') THEN true
      WHEN _phone IN ('false', '0', 'no', 'No') THEN false END AS phone_use
  FROM fields
)
SELECT t.*, f.content_sha256, f.received_ts FROM typed t JOIN files f USING (source_file)
"""
JUDGED_SQL = """
CREATE TEMP TABLE judged AS
WITH sits AS (
  SELECT d.device_id, p.policy_id, greatest(d.valid_from, p.valid_from) AS begins, least(d.valid_to, p.valid_to) AS ends
  FROM '{references}/devices.parquet' d JOIN '{references}/policies.parquet' p USING (vehicle_id)
), covered AS (
  SELECT device_id, list({{'b': begins, 'e': ends}}) AS spans FROM sits GROUP BY device_id
), agreed AS (
  SELECT device_id, list({{'b': greatest(begins, valid_from), 'e': least(ends, valid_to)}}) AS spans
  FROM sits JOIN '{references}/consents.parquet' USING (policy_id) WHERE purpose = 'pricing' GROUP BY device_id
), asked AS (
  SELECT r.*,
    coalesce(list_bool_or(list_transform(c.spans, lambda s: s.b <= event_ts AND (s.e IS NULL OR event_ts < s.e))), false)
      AS is_covered,
    coalesce(list_bool_or(list_transform(a.spans, lambda s: s.b <= event_ts AND (s.e IS NULL OR event_ts < s.e))), false)
      AS is_agreed
  FROM read r LEFT JOIN covered c USING (device_id) LEFT JOIN agreed a USING (device_id)
)
SELECT source_file, n, content_sha256, received_ts, device_id, event_ts, phone_use, {columns},
  CASE WHEN {any} THEN list_filter([{reasons}], lambda r: r IS NOT NULL) END AS reasons,
  CASE WHEN {any} THEN line END AS raw_text,
  CASE WHEN NOT ({any}) THEN sha256(concat_ws('|', 'sim_phone', device_id, epoch_us(event_ts), {payload})) END AS record_id,
  n - min(n) OVER (PARTITION BY source_file) + 1 AS source_line
FROM asked
"""
TARGET_SQL = """
COPY (
  SELECT 'sim_phone' AS source, record_id, device_id, event_ts, event_ts::DATE AS event_date, received_ts, {columns}, phone_use,
    source_file, source_line, content_sha256
  FROM judged WHERE reasons IS NULL
  QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY received_ts, source_file, source_line) = 1
) TO '{out}/points' (FORMAT parquet, PARTITION_BY (event_date))
"""
QUARANTINE_SQL = """
COPY (
  SELECT sha256(concat_ws('|', 'sim_phone', content_sha256, source_line)) AS quarantine_id, source_file, source_line,
    content_sha256, received_ts, reasons,
    CASE WHEN NOT list_has_any(reasons, ['no_policy', 'no_consent']) THEN raw_text END AS raw_text
  FROM judged WHERE reasons IS NOT NULL
) TO '{out}/quarantine.parquet' (FORMAT parquet)
"""
LEDGER_SQL = """
COPY (
  SELECT source_file, any_value(content_sha256) AS content_sha256, count(*) AS read,
    count(*) FILTER (reasons IS NOT NULL) AS quarantined
  FROM judged GROUP BY source_file
) TO '{out}/ledger.parquet' (FORMAT parquet)
"""


def load(inputs: str, references: Path, out: Path, threads: int) -> None:
    """Read the files of a glob, judge every line, write accepted points, quarantine and ledger below `out`."""
    out.mkdir(parents=True)
    given = {"inputs": inputs, "references": references, "out": out, **_expressions()}
    with duckdb.connect() as db:
        db.execute(f"SET threads = {threads}")
        for sql in (FILES_SQL, LINES_SQL, JUDGED_SQL, TARGET_SQL, QUARANTINE_SQL, LEDGER_SQL):
            db.execute(sql.format(**given))


def digest(points: str) -> tuple[int, int]:
    """(rows, hash) of the accepted points in Parquet files, whatever their order."""
    with duckdb.connect() as db:
        sql = f"SELECT count(*), bit_xor(hash({', '.join(COMPARED)}))"
        found_in = f"FROM read_parquet({points}, hive_partitioning = false)"
        rows, found = db.execute(f"{sql} {found_in}").fetchone() or (0, 0)
    return int(rows), int(found or 0)


def _expressions() -> dict[str, str]:
    """The parts of the statements that are repeated for each column."""
    factor = f"'{1 / 3.6!r}'::DOUBLE"
    of = {name: f"TRY_CAST(_{field} AS DOUBLE)" for name, (field, _, _) in MEASURED.items()}
    of["posted_limit_mps"] += f" * {factor}"
    rules = ["CASE WHEN malformed THEN 'malformed_json' END"]
    rules += [
        f"CASE WHEN {name} IS NULL AND _{field} IS NOT NULL THEN 'wrong_type:{name}' END"
        for name, (field, _, _) in MEASURED.items()
    ]
    rules += ["CASE WHEN phone_use IS NULL AND _phone IS NOT NULL THEN 'wrong_type:phone_use' END"]
    rules += ["CASE WHEN event_ts IS NULL AND _ts IS NOT NULL THEN 'wrong_type:event_ts' END"]
    rules += ["CASE WHEN NOT malformed AND device_id IS NULL THEN 'missing:device_id' END"]
    rules += ["CASE WHEN NOT malformed AND event_ts IS NULL AND _ts IS NULL THEN 'missing:event_ts' END"]
    for name, (_, low, high) in MEASURED.items():
        rules.append(f"CASE WHEN NOT isfinite({name}) THEN 'not_finite:{name}' WHEN {name} < {low} OR {name} > {high} "
                     f"THEN 'out_of_range:{name}' END")  # fmt: skip
    rules += ["CASE WHEN event_ts < TIMESTAMP '2000-01-01' THEN 'event_before_2000' END"]
    rules += ["CASE WHEN event_ts > received_ts + INTERVAL 1 DAY THEN 'event_in_future' END"]
    asked = "device_id IS NOT NULL AND event_ts IS NOT NULL AND NOT"
    rules += [f"CASE WHEN {asked} is_covered THEN 'no_policy' WHEN {asked} is_agreed THEN 'no_consent' END"]
    return {
        "shape": "{" + ", ".join(f'"{x}": "VARCHAR"' for x in FIELDS) + "}",
        "fields": ", ".join(f"nullif(trim(j.{x}), '') AS _{x}" for x in FIELDS),
        "raws": ", ".join(f"_{field}" for field, _, _ in MEASURED.values()),
        "values": ", ".join(f"{value} AS {name}" for name, value in of.items()),
        "columns": ", ".join(MEASURED),
        "payload": ", ".join([*MEASURED, "phone_use"]),
        "any": " OR ".join(f"({x}) IS NOT NULL" for x in rules),
        "reasons": ", ".join(rules),
    }
