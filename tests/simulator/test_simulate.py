import datetime as dt
import gzip
import hashlib
import json
import re

import pandas as pd
import pyarrow.parquet as pq
import pytest

from lake.errors import InputError
from lake.sources import load_source
from lake.tables import POLICY_DAYS
from simulator import oracle, people, simulate
from simulator.faults import MALFORMED
from tests.conftest import ROOT

SMALL = {"policies": 12, "days": 4, "seed": 5, "book_policies": 40, "book_days": 100}
REFERENCE = ("policies", "devices", "consents", "claims", "fairness_groups")


def digests(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def lines(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out"
    return out, simulate(**SMALL, out=out, processes=1)


@pytest.fixture(scope="module")
def tables(made):
    out, _ = made
    return {name: pd.read_csv(out / "reference" / f"{name}.csv") for name in REFERENCE}


def test_the_same_seed_gives_the_same_bytes_whatever_the_processes(made, tmp_path):
    out, summary = made
    again = simulate(**SMALL, out=tmp_path / "again", processes=2)
    assert digests(out) == digests(tmp_path / "again")
    assert again.describe().splitlines()[:-1] == summary.describe().splitlines()[:-1]


def test_another_seed_gives_other_points(made, tmp_path):
    out, _ = made
    simulate(12, 1, 6, tmp_path / "other", processes=1)
    assert not set(digests(out / "sim_phone").values()) & set(digests(tmp_path / "other" / "sim_phone").values())


def test_the_same_simulation_again_is_left_alone_and_another_refused(made):
    out, summary = made
    before = digests(out)
    assert simulate(**SMALL, out=out) == summary
    assert digests(out) == before
    with pytest.raises(InputError, match="holds another simulation"):
        simulate(**SMALL | {"seed": 6}, out=out)


@pytest.mark.parametrize(("name", "value"), [("policies", 0), ("days", 0), ("seed", -1), ("book_policies", -1), ("book_days", 3)])
def test_a_number_out_of_range_is_named(tmp_path, name, value):
    with pytest.raises(InputError, match=f"{name} is {value}, it must be at least"):
        simulate(**SMALL | {name: value}, out=tmp_path / "out")


def test_every_special_case_is_there_and_named(made, tables):
    _, summary = made
    assert set(summary.cases) == set(people.CASES)
    policies, devices, consents = (tables[k] for k in REFERENCE[:3])
    case = summary.cases
    middle = "2026-01-07T00:00:00Z"
    assert {c["at"] for c in case.values()} == {middle}
    orphan = case[people.NO_POLICY]
    assert orphan["vehicle_id"] in set(devices["vehicle_id"]) and orphan["vehicle_id"] not in set(policies["vehicle_id"])
    assert policies.loc[policies["policy_id"] == case[people.EXPIRES]["policy_id"], "valid_to"].tolist() == [middle]
    withdrawn = consents[consents["policy_id"] == case[people.WITHDRAWN]["policy_id"]]
    assert withdrawn["valid_to"].isna().tolist() == [True, False] and withdrawn["known_from"].iloc[1] == middle
    assert case[people.NO_DEVICE]["vehicle_id"] not in set(devices["vehicle_id"])
    swapped = devices[devices["vehicle_id"] == case[people.CHANGES_DEVICE]["vehicle_id"]]
    assert swapped["device_id"].nunique() == 2 and swapped["known_from"].tolist()[1:] == [middle, middle]
    assert case[people.NO_CONSENT]["policy_id"] not in set(consents["policy_id"])


def test_the_device_that_takes_over_sends_from_then_on(made):
    out, summary = made
    case = summary.cases[people.CHANGES_DEVICE]
    trips = pd.read_parquet(out / "truth" / "trips.parquet")
    trips = trips[trips["vehicle_id"] == case["vehicle_id"]]
    after = pd.to_datetime(trips["start_ms"], unit="ms", utc=True) >= case["at"]
    assert set(trips.loc[~after, "device_id"]) == {case["device_id"]}
    assert len(set(trips.loc[after, "device_id"]) - {case["device_id"]}) == 1


def test_fleets_below_ten_have_no_special_cases(tmp_path):
    summary = simulate(3, 1, 1, tmp_path / "few", faulty="none", processes=1)
    assert summary.cases == {} and summary.policies == 3 and summary.faults == {}
    files = list((tmp_path / "few" / "sim_phone").rglob("*.gz"))
    assert sum(len(lines(f)) for f in files) == summary.points > 0


def test_files_lie_in_the_hour_they_arrived_in(made):
    out, summary = made
    pattern = re.compile(load_source("sim_phone", ROOT / "conf" / "sources").received.path_pattern)
    bound = dt.datetime(2026, 1, 9, tzinfo=dt.UTC) + dt.timedelta(days=4)
    files = list((out / "sim_phone").rglob("*.gz"))
    assert len(files) == summary.files
    for file in files:
        found = pattern.search(str(file))
        arrived = dt.datetime.fromisoformat(f"{found['date']}T{found['hour']}:00:00+00:00") + dt.timedelta(hours=1)
        stamps = [json.loads(line)["ts"] for line in lines(file) if line.endswith("}") and "NaN" not in line]
        last = dt.datetime.fromtimestamp(max(t for t in stamps if t < 2e12) / 1000, dt.UTC)
        assert last < arrived + dt.timedelta(seconds=10) and arrived <= bound


def test_late_uploads_arrive_one_to_four_days_later(made):
    out, summary = made
    assert summary.faults["late_upload"] > 0
    late = 0
    for file in (out / "sim_phone").rglob("*.gz"):
        day = dt.date.fromisoformat(re.search(r"date=([\d-]+)", str(file))[1])
        sent = dt.datetime.strptime(file.name.split("-")[1], "%Y%m%d").date()
        assert 0 <= (day - sent).days <= 5
        late += (day - sent).days >= 2
    assert late > 0


def test_planted_line_faults_are_at_their_lines(made):
    out, _ = made
    planted = pd.read_parquet(out / "truth" / "faults.parquet")
    spoilt = planted[planted["kind"].isin(MALFORMED)]
    assert set(spoilt["kind"]) == set(MALFORMED)
    shows = {"broken_json": lambda s: not s.endswith("}"), "wrong_type": lambda s: '"speed":"fast"' in s,
             "not_finite": lambda s: '"speed":NaN' in s, "latitude_91": lambda s: '"lat":91.5' in s}  # fmt: skip
    for row in spoilt.itertuples():
        assert shows[row.kind](lines(out / "sim_phone" / row.file)[row.line - 1])
    repeated = planted[planted["kind"] == "line_repeated"]
    for row in repeated.itertuples():
        text = lines(out / "sim_phone" / row.file)
        assert text[row.line - 1] in text[: row.line - 1]


def test_resent_files_have_the_same_bytes_under_another_name(made):
    out, summary = made
    again = list((out / "sim_phone").rglob("*-again.jsonl.gz"))
    assert len(again) == summary.faults.get("file_resent", 0) > 0
    for copy in again:
        (first,) = (out / "sim_phone").rglob(copy.name.replace("-again", ""))
        assert first.read_bytes() == copy.read_bytes()


def test_truncated_files_only_on_request(tmp_path):
    summary = simulate(12, 4, 5, tmp_path / "all", faulty="all", processes=1)
    planted = pd.read_parquet(tmp_path / "all" / "truth" / "faults.parquet")
    planted = planted[planted["kind"] == "truncated_gzip"]
    assert len(planted) == summary.faults["truncated_gzip"] > 0
    with pytest.raises(EOFError):
        lines(tmp_path / "all" / "sim_phone" / planted["file"].iloc[0])


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_files_have_the_columns_that_their_source_maps(made, tables, name):
    source = load_source(f"sim_{name}", ROOT / "conf" / "sources")
    mapped = {f.column or f.time.columns[0] for f in source.columns.values()} | set(source.received.columns)
    assert mapped == set(tables[name].columns)


def test_history_has_the_columns_of_policy_days(made):
    out, summary = made
    files = sorted((out / "history").glob("*.parquet"))
    assert sum(pq.read_metadata(f).num_rows for f in files) == summary.policy_days > 0
    # what only raw points tell is null in an imported day
    needed = {x.name for x in POLICY_DAYS.columns if not x.nullable}
    assert set(pq.read_schema(files[0]).names) == needed - {"local_month"}
    days = pd.concat([pd.read_parquet(f) for f in files])
    assert not days.duplicated(["vehicle_id", "local_date"]).any()
    noon = pd.to_datetime(days["local_date"], utc=True) + pd.Timedelta(hours=36)
    assert (days["known_from"] == noon).all()


def test_history_ends_where_the_raw_points_begin_for_the_fleet_and_with_them_for_the_book(made, tables):
    out, summary = made
    days = pd.concat([pd.read_parquet(f) for f in (out / "history").glob("*.parquet")])
    is_fleet = days["vehicle_id"] < f"v-{people.BOOK_FIRST_ID}"
    assert days.loc[is_fleet, "local_date"].max() == summary.start - dt.timedelta(days=1)
    assert days.loc[~is_fleet, "local_date"].max() == summary.start + dt.timedelta(days=summary.days - 1)
    consented = tables["policies"].merge(tables["consents"], on="policy_id")["vehicle_id"]
    assert set(days["vehicle_id"]) <= set(consented)


def test_claims_state_by_state(tmp_path):
    # 3,000 policies for 400 days: about .08 x 3,000 x .6 = 130 claims
    out = tmp_path / "book"
    simulate(1, 1, 2, out, book_policies=3000, book_days=400, processes=1)
    claims = pd.read_csv(out / "reference" / "claims.csv")
    policies = pd.read_csv(out / "reference" / "policies.csv").groupby("policy_id").agg({"valid_from": "min", "valid_to": "max"})
    assert claims["claim_id"].nunique() > 80
    states = claims.groupby("claim_id")["status"].agg(tuple)
    assert set(states) <= {("open",), ("open", "closed"), ("open", "closed", "reopened")} and len(set(states)) > 1
    cover = policies.loc[claims["policy_id"]].reset_index(drop=True)
    assert ((claims["occurred_ts"] >= cover["valid_from"]) & (claims["occurred_ts"] < cover["valid_to"])).all()
    assert (claims["known_from"] >= claims["reported_ts"]).all() and (claims["reported_ts"] > claims["occurred_ts"]).all()
    truth = pd.read_parquet(out / "truth" / "drivers.parquet")
    assert truth["claims"].sum() == pytest.approx((truth["annual_frequency"] * truth["exposure_years"]).sum(), rel=0.35)
    assert len(oracle.rates(out)) == 3001
