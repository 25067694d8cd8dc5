"""Consent: a point counts only while its device sits in a vehicle with a policy in force that agreed to pricing."""

import datetime as dt
from pathlib import Path

from chispa import assert_df_equality

from lake.conf import Conf
from lake.delta import Lake
from tests.loading.files import NOON, PHONE, hour, point, run, source, sums, write
from transforms.consent import device_permissions

JAN = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in range(1, 11)]


def _seed(lake: Lake) -> None:
    """d1 all is well; d2 no consent; d3 expired policy; d4 no policy; d5 consent withdrawn at noon. d6 is unknown."""
    known = JAN[0]
    devices = [(f"d{n}", f"v{n}", JAN[0], None, known, None, None) for n in range(1, 6)]
    policies = [
        (
            f"p{n}",
            f"v{n}",
            "liability",
            JAN[0],
            JAN[2] if n == 3 else None,
            None,
            "EUR",
            None,
            None,
            None,
            None,
            known,
            None,
            None,
        )
        for n in (1, 2, 3, 5)
    ]
    consents = [(f"p{n}", "pricing", JAN[0], NOON if n == 5 else None, known, None, None) for n in (1, 3, 5)]
    for name, rows in (("devices", devices), ("policies", policies), ("consents", consents)):
        table = f"reference.{name}"
        lake.append_once(table, lake.spark.createDataFrame(rows, lake.table(table).schema), name)


def test_points_without_consent_leave_no_position(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    _seed(lake)
    devices = ["d1", "d2", "d3", "d4", "d5", "d6"]
    lines = [point(0, device=d) for d in devices] + [point(-1, device="d5"), point(0, device="d4", speed="fast")]
    file = write(hour(tmp_path), lines)
    phone = source(PHONE, consent={"required": True})
    result = run(lake, conf, phone, file, date=dt.date(2026, 1, 5))
    # accepted: d1, and d5 a second before its consent ended (intervals are half-open)
    assert sums(result) == (8, 2, 0, 6)
    assert result.reasons == {"no_consent": 2, "no_policy": 4, "wrong_type:speed_mps": 1}
    rows = {r.source_line: r for r in lake.read("bronze.quarantine").collect()}
    assert {n: r.reasons[-1] for n, r in rows.items()} == {
        2: "no_consent", 3: "no_policy", 4: "no_policy", 5: "no_consent", 6: "no_policy", 8: "no_policy",
    }  # fmt: skip
    assert all(r.raw_text is None for r in rows.values())
    assert {r.device_id for r in lake.read("bronze.points").collect()} == {"d1", "d5"}


def test_the_mapping_that_began_last_says_whose_consent_is_needed(lake: Lake) -> None:
    spark = lake.spark
    valid = "valid_from timestamp, valid_to timestamp"
    # d sits in v from the 1st on without end, and in w from the 4th to the 7th; w's policy did not agree
    mapped = [("d", "v", JAN[0], None), ("d", "w", JAN[3], JAN[6])]
    devices = spark.createDataFrame(mapped, f"device_id string, vehicle_id string, {valid}")
    insured = [("v", "p", JAN[0], None), ("w", "q", JAN[0], None)]
    policies = spark.createDataFrame(insured, f"vehicle_id string, policy_id string, {valid}")
    consents = spark.createDataFrame([("p", "pricing", JAN[0], None)], f"policy_id string, purpose string, {valid}")
    found = device_permissions(devices, policies, consents).collect()[0]
    assert sorted((x.begins, x.ends) for x in found.consented if x.ends) == [(naive(JAN[0]), naive(JAN[3]))]
    assert [(x.begins, x.ends) for x in found.consented if not x.ends] == [(naive(JAN[6]), None)]
    assert {x.begins for x in found.covers} == {naive(JAN[0]), naive(JAN[3]), naive(JAN[6])}


def naive(at: dt.datetime) -> dt.datetime:
    """As Spark collects it."""
    return at.replace(tzinfo=None)


def test_permission_is_the_overlap_of_device_policy_and_consent(lake: Lake) -> None:
    spark = lake.spark
    valid = "valid_from timestamp, valid_to timestamp"
    devices = spark.createDataFrame([("d", "v", JAN[1], JAN[8])], f"device_id string, vehicle_id string, {valid}")
    policies = spark.createDataFrame([("v", "p", JAN[0], JAN[6])], f"vehicle_id string, policy_id string, {valid}")
    consents = spark.createDataFrame(
        [("p", "pricing", JAN[3], None), ("p", "research", JAN[0], None)],
        f"policy_id string, purpose string, {valid}",
    )
    intervals = "array<struct<begins:timestamp,ends:timestamp>>"
    # device [2, 9) and policy [1, 7) overlap in [2, 7); with the consent for pricing from the 4th on in [4, 7)
    expected = spark.createDataFrame(
        [("d", [(JAN[1], JAN[6])], [(JAN[3], JAN[6])])],
        f"device_id string, covers {intervals}, consented {intervals}",
    )
    found = device_permissions(devices, policies, consents)
    assert_df_equality(found, expected, ignore_nullable=True)
