"""The arithmetic of sizes and of the planned bill, on figures of our own; the shipped figures say where they come from."""

import pytest
from typer.testing import CliRunner

from emr import plan, size, throughput
from emr.cli import app
from emr.throughput import Figure
from jobs.state import State
from lake.conf import Conf, load_conf
from lake.conf_emr import Prices
from lake.errors import ConfigError

PRICES = Prices(vcpu_hour=0.042094, gb_hour=0.004628)
LOCAL = State("local", None, False)
MADE_UP = {
    "raw_bytes_per_point": 500.0,
    "ingest_mb_per_cpu_s": 2.0,
    "trips_cpu_us_per_point": 10.0,
    "compaction_cpu_us_per_point": 1.0,
    "windows_cpu_us_per_policy": 1000.0,
    "reasons_cpu_us_per_policy": 100.0,
    "candidate_cpu_us_per_row": 2000.0,
    "candidate_bytes_per_row": 3000.0,
    "night_fixed_minutes": 7.0,
}


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "figures", lambda: {k: Figure(v, "u", "c", "m", "d", "") for k, v in MADE_UP.items()})


def test_steps_add_up_by_hand(made_up: None) -> None:
    # 10 GB: 10,000 MB / 2 = 5,000 s; 20 million points: 200 s and 20 s; a million policies: 1,000 s and 100 s
    assert [round(x.cpu_s, 6) for x in size.night_steps(10, 1_000_000)] == [5000, 200, 20, 1000, 100]


def test_size_is_the_smallest_in_time_and_its_price_adds_up(made_up: None) -> None:
    found = size.size(10, 1_000_000, available_minutes=60, prices=PRICES)
    # 6,320 CPU s / 0.5 = 210.67 core minutes; 60 / 1.5 - 3 - 7 = 30 minutes left: 210.67 / 4 / 30 = 1.76 executors
    assert (found.executors, found.vcpus) == (2, 12)
    assert found.minutes == pytest.approx(10 + 210.6667 / 8, abs=1e-3)
    # 12 vCPU x (0.042094 + 4 x 0.004628) $/h
    assert found.dollars == pytest.approx(12 * 0.060606 * found.minutes / 60)
    assert size.size(10, 1_000_000, available_minutes=240, prices=PRICES).executors == 1
    text = size.describe(found)
    assert "2 executors of 4 cores and 16 GB, with the driver 12 vCPU and 48 GB" in text
    assert "spark.dynamicAllocation.maxExecutors 2" in text


def test_what_no_application_can_do_is_said(made_up: None) -> None:
    with pytest.raises(ConfigError, match=r"no application is fast enough: 15 minutes .* leave 0 for 4 core hours"):
        size.size(10, 1_000_000, available_minutes=15, prices=PRICES)
    with pytest.raises(ConfigError, match="more than 0 GB"):
        size.night_steps(0, 10)


def test_bill_adds_up(made_up: None) -> None:
    night, lines = plan.bill(PRICES)
    by_name = {x.name: x.dollars for x in lines}
    of_nights = sum(x for name, x in by_name.items() if name not in ("training", "maintenance"))
    assert of_nights == pytest.approx(30.4 * night.dollars)
    assert by_name["waiting"] > 0
    # 10 million rows x 2,000 us = 20,000 CPU s on 16 cores at half their time: 41.67 minutes, and 10 to start and end
    # a driver of 16 cores with 7.5 GB each, and 8 vCPU for a start of 10 minutes
    weekly = 16 * (0.042094 + 7.5 * 0.004628) * (20_000 / 60 / 8 + 10) / 60 + 8 * 0.060606 * 10 / 60
    assert by_name["training"] == pytest.approx(52 / 12 * weekly)


def test_a_training_that_does_not_fit_is_said(made_up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # 10 million rows x 3,000 bytes of 104 GB
    assert plan.training_fits().endswith("= 30 GB of the driver's 104 beside its JVM: enough")
    monkeypatch.setitem(MADE_UP, "candidate_bytes_per_row", 12_000.0)
    assert plan.training_fits().endswith("= 120 GB of the driver's 104 beside its JVM: TOO LITTLE")


def test_the_driver_of_the_plan_is_productions() -> None:
    conf = load_conf("production")
    assert conf.emr is not None
    train = conf.emr.settings_of("train")
    gb = {key: int(train[f"spark.driver.{key}"].removesuffix("g")) for key in ("memory", "memoryOverhead")}
    assert (int(train["spark.driver.cores"]), sum(gb.values())) == (plan.DRIVER_CORES, plan.DRIVER_GB)
    assert gb["memory"] == plan.DRIVER_JVM_GB
    assert (conf.training.threads, conf.training.most_rows) == (plan.DRIVER_CORES, plan.TRAINING_ROWS)


def test_the_shipped_plan_reaches_its_aim() -> None:
    """By the figures that are shipped, which say how they were measured."""
    conf = load_conf("production")
    assert conf.emr is not None
    night, lines = plan.bill(conf.emr.prices)
    assert sum(x.dollars for x in lines) < plan.AIM_DOLLARS
    assert night.minutes * size.HEADROOM <= plan.AVAILABLE_MINUTES
    assert plan.training_minutes() < conf.emr.timeout_minutes
    assert "TOO" not in plan.report(conf)


def test_report_shows_every_line_and_what_is_not_measured() -> None:
    text = plan.report(load_conf("production"))
    steps = ("ingest", "trips", "windows", "reasons", "training", "maintenance", "in all")
    for part in (*steps, "not measured:", "Graviton", "S3's latency"):
        assert part in text
    assert "the configuration allows 20 executors" in text
    assert "the configuration allows" not in plan.report(load_conf("local"))


def test_plan_and_bill_of_runs_have_one_price(made_up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    at_list = sum(x.dollars for x in plan.bill(Prices())[1])
    monkeypatch.setenv("TELEMATICS_EMR__PRICES__VCPU_HOUR", str(2 * Prices().vcpu_hour))
    monkeypatch.setenv("TELEMATICS_EMR__PRICES__GB_HOUR", str(2 * Prices().gb_hour))
    conf: Conf = load_conf("production")
    assert conf.emr is not None
    assert sum(x.dollars for x in plan.bill(conf.emr.prices)[1]) == pytest.approx(2 * at_list)
    assert f"{2 * at_list:9.2f}   aim 200" in plan.report(conf)


def test_every_figure_says_where_it_comes_from() -> None:
    found = throughput.figures()
    assert set(found) == set(MADE_UP)
    for figure in found.values():
        assert figure.value > 0 and figure.unit and figure.command and figure.machine and figure.date


def test_command_says_what_it_calculated_and_refuses_what_is_no_time() -> None:
    given = ["size", "--raw-gb-per-day", "33", "--policies", "10000000"]
    said = CliRunner().invoke(app, given, obj=LOCAL)
    assert said.exit_code == 0 and "300 minutes until scores are due" in said.output and "measured:" in said.output
    assert isinstance(CliRunner().invoke(app, [*given, "--scores-by", "6 pm"], obj=LOCAL).exception, ConfigError)
    assert isinstance(CliRunner().invoke(app, [*given, "--scores-by", "01:00"], obj=LOCAL).exception, ConfigError)
    assert isinstance(CliRunner().invoke(app, ["package", "--arch", "mips"]).exception, ConfigError)
