"""The features job: who is in, and that a rerun gives what it gave."""

from dataclasses import replace

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame

from jobs.features import run
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import GateFailed
from tests.jobs.context import night
from tests.transforms.rows import date, day, days, policies, policy, ts

D = date("2026-01-31")


def test_insured_vehicles_have_features_and_a_rerun_gives_the_same(lake: Lake, conf: Conf) -> None:
    ended = policy(2, valid_to=ts("2026-02-01"))
    cover = policies(lake.spark, policy(1), policy(1, coverage="theft"), ended, policy(3), policy(4, known_from=ts("2026-02-01")))
    lake.append_once("reference.policies", cover, "1")
    lake.append_once(
        "gold.policy_days", days(lake.spark, day("v1", "2026-01-29"), day("v2", "2026-01-29"), day("v1", "2026-01-31")), "1"
    )
    result = run(night(lake, conf, D))
    first = lake.spark.createDataFrame(lake.read("gold.policy_features").collect(), lake.table("gold.policy_features").schema)
    # v2's cover ends at the cutoff, v4 is not known yet, v3 has not driven
    assert {r["vehicle_id"]: r["km_365"] for r in first.collect()} == {"v1": 10.0, "v3": 0.0}
    assert result.rows == 2
    lake.append_once("gold.policy_days", days(lake.spark, day("v1", "2026-01-28", known_from=ts("2026-02-01T05:00:00"))), "2")
    run(night(lake, conf, D))
    again = lake.read("gold.policy_features")
    assert_df_equality(again, first, ignore_row_order=True, ignore_nullable=True, ignore_metadata=True)

    def refuses(name: str, _: DataFrame) -> None:
        raise GateFailed(name)

    with pytest.raises(GateFailed, match=r"gold\.policy_features"):
        run(replace(night(lake, conf, date("2026-02-01")), gate=refuses))
    assert lake.read("gold.policy_features").count() == 2
