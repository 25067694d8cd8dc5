"""Each provider's format by a hand-made fixture, and by its public data where that is at hand."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import Row

from lake.conf import CONF_FOLDER, Conf
from lake.delta import Lake
from lake.errors import ConfigError
from lake.sources import load_source
from tests.loading.files import run, sums, utc

FIXTURES = Path(__file__).parents[1] / "fixtures"
SOURCES = CONF_FOLDER / "sources"
G = 9.80665


def _points(lake: Lake) -> list[Row]:
    return lake.read("bronze.points").orderBy("source", "event_ts").collect()


def test_nds_omaha(lake: Lake, conf: Conf) -> None:
    result = run(lake, conf, load_source("nds_omaha", SOURCES), FIXTURES / "nds_omaha")
    assert (sums(result), result.reasons) == ((3, 2, 0, 1), {"wrong_type:lat": 1})
    first, second = _points(lake)
    # epoch 1,700,000,000 is 2023-11-14 22:13:20 UTC
    assert utc(first.event_ts) == dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
    assert first.received_ts == first.event_ts
    assert first.speed_mps == pytest.approx(30 * 1609.344 / 3600)
    assert (first.accel_lon_mps2, first.accel_lat_mps2) == (pytest.approx(-0.5 * G), pytest.approx(0.1 * G))
    assert (first.device_id, first.lat, first.lon) == ("nds-omaha-1", 41.25, -96.01)
    assert (first.heading_deg, first.altitude_m, first.hdop) == (10.5, 330.5, 1.5)
    assert second.accel_lon_mps2 is None


def test_ndsbr(lake: Lake, conf: Conf) -> None:
    result = run(lake, conf, load_source("ndsbr", SOURCES), FIXTURES / "ndsbr")
    # 31 September is no day; the last line ends in the middle of a quoted field
    assert sums(result) == (4, 2, 0, 2)
    assert result.reasons == {"wrong_type:event_ts": 1, "wrong_type:received_ts": 1, "malformed_csv": 1}
    first, second = _points(lake)
    # half past midnight UTC belongs to the UTC day that stands beside it, though it is still the evening before in Curitiba
    assert utc(first.event_ts) == dt.datetime(2019, 9, 5, 0, 30, 5, tzinfo=dt.UTC)
    assert (first.lat, first.lon, first.heading_deg) == (-25.5, -49.25, 90.5)
    assert (first.speed_mps, first.posted_limit_mps) == (pytest.approx(10.0), pytest.approx(40 / 3.6))
    assert (first.phone_use, first.is_valid, first.accel_lon_mps2, first.altitude_m) == (True, True, None, None)
    assert (second.phone_use, second.is_valid, second.posted_limit_mps, second.heading_deg) == (None, False, None, None)


def test_polidriving(lake: Lake, conf: Conf) -> None:
    assert sums(run(lake, conf, load_source("polidriving", SOURCES), FIXTURES / "polidriving")) == (3, 3, 0, 0)
    first, second, other = _points(lake)
    # Quito is five hours behind UTC; three seconds later the local day is the next one
    assert utc(first.event_ts) == dt.datetime(2024, 2, 1, 4, 59, 58, tzinfo=dt.UTC)
    assert utc(second.event_ts) == dt.datetime(2024, 2, 1, 5, 0, 1, tzinfo=dt.UTC)
    assert (first.speed_mps, second.speed_mps) == (pytest.approx(10.0), None)
    # another header, with another order of columns, read beside the first
    assert (other.device_id, other.speed_mps, other.accel_lon_mps2, other.altitude_m) == ("8", pytest.approx(5.0), -1.0, 2490.0)
    assert utc(other.event_ts) == dt.datetime(2024, 2, 1, 15, 15, tzinfo=dt.UTC)


@pytest.mark.parametrize(("name", "records"), [("nds_omaha", 6533), ("ndsbr", 13399), ("polidriving", 24399)])
def test_public_data_is_read_to_the_last_row(lake: Lake, conf: Conf, real_data: Path, name: str, records: int) -> None:
    result = run(lake, conf, load_source(name, SOURCES), real_data / name / "*.csv.gz")
    assert sums(result) == (records, records, 0, 0)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("delimiter", "delimeter"), r"format.delimeter: Extra inputs"),
        (("unit: km/h", "unit: kmh"), "columns.speed_mps: .*unknown unit 'kmh'"),
        (("  device_id: {column: DRIVER}\n", ""), "bronze.points needs device_id"),
        (("  lat:", "  latitude:"), "bronze.points has no column latitude"),
        (('format: "d/M/yyyy H:mm:ss"}}', "format: iso, zone: Europe/Atlantis}}"), "unknown time zone 'Europe/Atlantis'"),
        (("  waiver: public", "  reason: public"), "consent.reason"),
    ],
)
def test_an_error_in_a_source_is_one_line_with_file_key_and_cause(tmp_path: Path, change: tuple[str, str], cause: str) -> None:
    text = (SOURCES / "ndsbr.yml").read_text()
    assert change[0] in text
    (tmp_path / "ndsbr.yml").write_text(text.replace(*change))
    with pytest.raises(ConfigError, match=rf"ndsbr\.yml: .*{cause}") as caught:
        load_source("ndsbr", tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_source_says_which_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown source 'nosuch': .*nds_omaha, ndsbr, polidriving"):
        load_source("nosuch", SOURCES)
