import datetime as dt

from pyspark.sql import SparkSession

from transforms.bitemporal import adds, changes, closes

OLD, NEW = dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 9)
CURRENT = "id string, a int, b double, known_from timestamp, known_to timestamp, gone_ts timestamp, superseded_by string"
COMPUTED = "id string, a int, b double, known_from timestamp, known_to timestamp"
TICK = dt.timedelta(microseconds=1)


def test_equal_stays_other_is_replaced_gone_is_closed_new_is_added(spark: SparkSession) -> None:
    current = [
        ("equal", None, 1.5, OLD, None, NEW, "x"),
        ("other", 1, None, OLD, None, NEW, "x"),
        ("same time", 1, 1.0, NEW, None, NEW, "x"),
        ("gone", 1, 1.0, OLD, None, NEW, "heir"),
        ("not replaced", 1, 1.0, OLD, None, None, None),
    ]
    computed = [
        ("equal", None, 1.5, NEW, None),
        ("other", None, None, NEW, None),
        ("same time", 2, 1.0, NEW, None),
        ("new", 3, 3.0, NEW, None),
    ]
    given = spark.createDataFrame(current, CURRENT), spark.createDataFrame(computed, COMPUTED)
    changed = changes(*given, ("id",), ("a", "b"))
    added = {r["id"]: (r["a"], r["b"], r["known_from"], r["known_to"]) for r in adds(changed).collect()}
    closed = {r["id"]: (r["known_from"], r["known_to"], r["superseded_by"]) for r in closes(changed).collect()}
    # a version that would be known from the same instant as the one it replaces comes a microsecond later
    assert added == {
        "other": (None, None, NEW, None),
        "same time": (2, 1.0, NEW + TICK, None),
        "new": (3, 3.0, NEW, None),
    }
    assert closed == {"other": (OLD, NEW, None), "same time": (NEW, NEW + TICK, None), "gone": (OLD, NEW, "heir")}
