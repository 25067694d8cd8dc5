"""The gate of a load: what it measures, what it keeps out, and what it only points out. Every load here is judged by Great
Expectations; limits are low, so that few records make a share."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import functions as F

from expectations import batches
from expectations.batches import null_share
from expectations.gate import BY_HAND, DOCS, make_gate
from expectations.results import CheckResult, read_results
from jobs import loading, loading_judge
from jobs.loading_admission import Admission
from jobs.loading_batch import Batch
from jobs.loading_write import Sums, ledger_row, write_ledger
from jobs.nights import read_nights
from jobs.ui import build_docs
from lake.conf import CONF_FOLDER, Conf
from lake.delta import Lake
from lake.errors import GateFailed
from lake.storage import StoredFile, list_files
from tests.loading.files import PHONE, hour, point, run, source, sums, write
from tests.world import command, write_conf

FEW = {"min_records": 10}
BRONZE = ("bronze.points", "bronze.quarantine")


def found(conf: Conf, suite: str = "bronze.points.phone") -> dict[str, CheckResult]:
    """By check, what the last load by hand was found to be."""
    return {r.name: r for r in dict(read_results(conf.reports_path / DOCS / BY_HAND))[suite]}


def broken(conf: Conf) -> dict[str, float | None]:
    return {name: r.observed for name, r in found(conf).items() if not r.success}


def test_a_stop_keeps_the_load_and_its_copies_out_until_the_limit_or_the_mapping_is_mended(
    lake: Lake, conf: Conf, tmp_path: Path
) -> None:
    lines = [*(point(n) for n in range(4)), *(point(n, speed="fast") for n in range(4, 10))]
    for name in ("a.jsonl.gz", "copy.jsonl.gz"):
        write(hour(tmp_path, name), lines)
    why = "bronze.points.phone was not loaded: share of records quarantined, of files that bring any = 0.6 (at most 0.5)"
    for _ in range(2):
        with pytest.raises(GateFailed) as stopped:
            run(lake, conf, source(PHONE, limits=FEW), hour(tmp_path).parent)
        assert (str(stopped.value), stopped.value.exit_code) == (why, 4)
    assert not any(lake.exists(x) for x in BRONZE)
    refused = {Path(r.source_file).name: (r.status, r.reason, r.read) for r in lake.read("bronze.ledger").collect()}
    # once each, though it was tried twice
    assert refused == dict.fromkeys(("a.jsonl.gz", "copy.jsonl.gz"), ("refused", f"batch_stopped:{why}", 0))
    assert lake.read("bronze.ledger").count() == 2
    assert not list((tmp_path / "lake" / "_staging" / "load").iterdir())

    result = run(lake, conf, source(PHONE, limits=FEW | {"quarantined_stop": 0.7}), hour(tmp_path).parent)
    assert sums(result) == (20, 4, 10, 6)
    assert [lake.read(x).count() for x in BRONZE] == [4, 6]
    # in place, and still pointed out
    assert broken(conf)[batches.QUARANTINED_OF_ALL] == pytest.approx(0.6)


def test_one_bad_file_stops_no_other(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    write(hour(tmp_path, "good.jsonl.gz"), [point(n) for n in range(5)])
    write(hour(tmp_path, "changed.jsonl.gz"), [point(n, device="d2", heading="north") for n in range(10)])
    assert sums(run(lake, conf, source(PHONE, limits=FEW), hour(tmp_path).parent)) == (15, 5, 0, 10)
    assert found(conf)[batches.QUARANTINED].observed == 0


def test_what_is_measured_of_points(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    phone = source(PHONE, limits=FEW)
    run(lake, conf, phone, write(hour(tmp_path, "known.jsonl.gz"), [point(0)]))
    assert set(found(conf)) == {batches.UNACCOUNTED, batches.UNMAPPED}  # a share of one record says nothing
    lines = [
        point(0),  # there already: a duplicate
        point(0, speed=40.0),  # told otherwise before: a conflict
        point(1, phone=None), point(1, phone=None),  # a duplicate
        point(1, speed=41.0, phone=None), point(1, speed=42.0, phone=None),  # of three payloads two are conflicts
        *(point(n, phone=None) for n in range(2, 12)),
        point(7200), point(7201), point(7202),  # received until 13:59:59, so timed up to three seconds ahead
        point(-8 * 86400, heading=None),  # a week and a day before
        "{", "{",
    ]  # fmt: skip
    # 22 records, 20 of them good; 2 duplicates
    result = run(lake, conf, phone, write(hour(tmp_path, "new.jsonl.gz"), lines))
    assert sums(result) == (22, 18, 2, 2)
    observed = {name: r.observed for name, r in found(conf).items()}
    assert observed == {
        batches.UNACCOUNTED: 0, batches.UNMAPPED: 0, batches.QUARANTINED: pytest.approx(2 / 22),
        batches.QUARANTINED_OF_ALL: pytest.approx(2 / 22), batches.WITHHELD: 0, batches.DUPLICATE: pytest.approx(2 / 22),
        batches.CONFLICT: pytest.approx(3 / 20), batches.AHEAD: pytest.approx(3 / 20), batches.LATE: pytest.approx(1 / 20),
        null_share("lat"): 0, null_share("lon"): 0, null_share("speed_mps"): 0, null_share("heading_deg"): pytest.approx(1 / 20),
        null_share("phone_use"): pytest.approx(14 / 20),
    }  # fmt: skip
    assert set(broken(conf)) == {batches.QUARANTINED_OF_ALL, batches.CONFLICT, batches.AHEAD}
    # conflicts are kept beside each other
    assert lake.read("bronze.points").count() == 19


def test_a_sensor_that_stopped_a_column_that_came_and_a_load_that_was_killed(
    lake: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [point(n, heading=None, battery=1) for n in range(10)]
    file = write(hour(tmp_path), [*lines, point(0, heading=None, speed=1.0)])
    expected = {null_share("heading_deg"): 1, batches.UNMAPPED: 1, batches.CONFLICT: pytest.approx(1 / 11)}

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loading_judge, "write_target", killed)
        with pytest.raises(KeyboardInterrupt):
            run(lake, conf, source(PHONE, limits=FEW), file)
    assert broken(conf) == expected
    (conf.reports_path / DOCS / BY_HAND / "results" / "bronze.points.phone.json").unlink()
    # what was staged is found again, and judged alike
    assert sums(run(lake, conf, source(PHONE, limits=FEW), file)) == (11, 11, 0, 0)
    assert broken(conf) == expected
    assert lake.read("bronze.points").count() == 11


def test_a_half_empty_delivery_is_pointed_out(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    phone, night = source(PHONE, limits=FEW), dt.date(2026, 1, 5)
    usual = {1: 50, 2: 20, 3: 40, 4: 500, 6: 1}
    for day, records in usual.items():
        batch = Batch(lake, phone, lake.table("bronze.points"), dt.date(2026, 1, day), None, None, "r")
        file = StoredFile(f"/{day}", 1, "1")
        done = ledger_row(batch, Admission(file, f"{day}"), "ingested", Sums(records, records), None, dt.datetime.now(dt.UTC))
        write_ledger(batch, [done])
    gate = make_gate(tmp_path / "docs", f"{night}")
    batch = Batch(lake, phone, lake.table("bronze.points"), night, None, None, "r", gate=gate)
    loading.load_listed(batch, list_files(str(write(hour(tmp_path), [point(n) for n in range(9)]))))
    # of 20, 40, 50 and 500 records the median is 45; the night after counts for nothing
    assert gate.warnings == [f"bronze.points.phone: {batches.OF_USUAL} = 0.2 (at least 0.5)"]


def test_a_night_goes_on_without_a_stopped_source_and_ends_with_4(
    lake: Lake, conf: Conf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, phone = tmp_path / "sources", yaml.safe_load((CONF_FOLDER / "sources" / "sim_phone.yml").read_text())
    folder.mkdir()
    for name in ("left", "right"):
        this = phone | {"name": name, "limits": FEW, "consent": {"required": False, "waiver": "made up"}}
        (folder / f"{name}.yml").write_text(yaml.safe_dump(this))
        bad = 6 if name == "left" else 0
        lines = [json.dumps({"device": name, "ts": 1767610000000 + n, "speed": "fast" if n < bad else 1}) for n in range(10)]
        write(hour(tmp_path / "landing" / name), lines)
    landing = {"root": str(tmp_path / "landing"), "sources": {x: f"{x}/**/*.gz" for x in ("left", "right")}}
    path = write_conf(tmp_path / "conf.yml", tmp_path, landing=landing, sources_folder=str(folder))
    said = command(path, "ingest", "--date", "2026-01-05")
    assert said.code == 4 and said.err.count("\n") == 1, said.err
    assert "left: bronze.points.left was not loaded: share of records quarantined" in said.err
    assert {r.source for r in lake.read("bronze.points").collect()} == {"right"}
    assert {(r.source, r.status, r.read) for r in lake.read("bronze.ledger").collect()} == {
        ("left", "refused", 0),
        ("right", "ingested", 10),
    }
    (complaint,) = read_nights(lake).complaints(dt.date(2026, 1, 5))
    assert complaint.exit_code == 4 and complaint.what.startswith("left: bronze.points.left was not loaded")
    # its data docs, made where they are looked at
    build_docs(conf)
    site = conf.reports_path / DOCS / "2026-01-05" / "site"
    page = next(p.read_text() for p in site.rglob("*.html") if "validations" in str(p) and "left" in str(p))
    assert batches.QUARANTINED in page
    assert not re.search(r'<(script|link|img)\b[^>]*(src|href)="https?:', page)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_limit_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"limits\.quarantined_stop"):
        source(PHONE, limits={"quarantined_stop": share})


def _rows(lake: Lake, name: str, *rows: dict[str, Any]) -> None:
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    full = [{"known_from": at, "valid_from": at, "coverage": "liability", "currency": "EUR"} | r for r in rows]
    table = lake.table(name)
    lake.append_once(name, lake.spark.createDataFrame([tuple(r.get(n) for n in table.names) for r in full], table.schema), name)


def test_what_the_reference_tables_say_against_each_other(lake: Lake) -> None:
    from expectations.standing import TABLES, standing_suite
    from transforms import standing

    def day(n: int) -> dt.datetime:
        return dt.datetime(2026, 1, n, tzinfo=dt.UTC)

    _rows(
        lake, "reference.policies",
        {"policy_id": "p1", "vehicle_id": "v1", "valid_to": day(9)},
        {"policy_id": "p1", "vehicle_id": "v1", "valid_from": day(9)},  # a renewal: no overlap
        {"policy_id": "p2", "vehicle_id": "v1", "valid_from": day(20)},  # another one of v1
        {"policy_id": "p3", "vehicle_id": "v3", "valid_from": day(5), "valid_to": day(5)},  # never in force
        {"policy_id": "p3", "vehicle_id": "v3"},
        {"policy_id": "p9", "vehicle_id": "v1", "known_to": day(2)},  # not known any more
    )  # fmt: skip
    _rows(
        lake, "reference.devices",
        {"device_id": "d1", "vehicle_id": "v1"},
        {"device_id": "d1", "vehicle_id": "v3", "valid_from": day(3)},  # in two cars at once
        {"device_id": "d2", "vehicle_id": "v1", "valid_from": day(4)},  # a second one in v1
        {"device_id": "d3", "vehicle_id": "v7", "valid_to": day(8)},  # without a policy
        {"device_id": "d3", "vehicle_id": "v8", "valid_from": day(8)},
    )  # fmt: skip
    pricing = {"purpose": "pricing"}
    _rows(
        lake, "reference.consents",
        pricing | {"policy_id": "p1"}, pricing | {"policy_id": "p1", "known_from": day(2)},  # twice the same key, and overlapping
    )  # fmt: skip
    claim = {"occurred_ts": day(1), "reported_ts": day(1), "vehicle_id": "v1"}
    _rows(lake, "reference.claims", claim | {"claim_id": "1", "policy_id": "p1"}, claim | {"claim_id": "2", "policy_id": "gone"})
    current = {t.name: lake.read_current(t.name) for t in TABLES}
    measured = standing.measures(current, TABLES).collect()[0].asDict()
    assert measured == {
        "current rows of reference.policies with a repeated key": 0, "current rows of reference.devices with a repeated key": 0,
        "current rows of reference.claims with a repeated key": 0, "current rows of reference.consents with a repeated key": 1,
        "overlapping policies of a vehicle and coverage": 1, "overlapping mappings of a device": 1,
        "overlapping mappings to a vehicle": 1, "overlapping consents of a policy and purpose": 1,
        standing.UNINSURED: 2 / 5, standing.UNEQUIPPED: 0, standing.WITHOUT_CONSENT: 3 / 5, standing.STRAY_CLAIMS: 1 / 2,
    }  # fmt: skip
    gate = make_gate(Path(lake.root) / "docs", "d")
    stopped = r"reference\.standing may not be priced with: current rows of reference\.consents with a repeated key = 1"
    with pytest.raises(GateFailed, match=stopped):
        gate.judge(standing_suite(), measured, "may not be priced with")
    assert len(gate.warnings) == 7
    assert lake.read("reference.policies").where(F.col("known_to").isNotNull()).count() == 1
