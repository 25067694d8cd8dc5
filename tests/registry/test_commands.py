"""Models of any table and a reviewer's walk, by the command line."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from registry.deciding import today
from tests.training.test_table import SPEC, table
from tests.world import Said, command, write_conf

MODEL = "pure-premium-own"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A table, its spec and a lake without tables."""
    root = tmp_path_factory.mktemp("walk")
    table().to_parquet(root / "t.parquet")
    table(2).drop(columns=["n", "paid"]).to_parquet(root / "others.parquet")
    write_conf(root / "conf.yml", root)
    (root / "spec.yml").write_text(yaml.safe_dump({**SPEC, "search": {"trials": 1, "folds": 2}}))
    yield root


def run(folder: Path, *arguments: str) -> Said:
    return command(folder / "conf.yml", *arguments)


def test_the_walk(folder: Path) -> None:
    train = ("train", "--table", str(folder / "t.parquet"), "--spec", str(folder / "spec.yml"), "--as", "ann")
    said = run(folder, *train)
    assert said.code == 0, said.err
    assert f"registered {MODEL} version 1" in said.out
    assert "frequency trial 1 of 1" in said.err
    again = run(folder, *train)
    assert "4 trials of this search are known" in again.err
    assert run(folder, "registry", "promote", MODEL, "1").code == 10
    refused = run(folder, "registry", "reject", MODEL, "2", "--reason", "looks odd", "--as", "rita")
    assert "version 2 rejected by rita (unverified): looks odd" in refused.out
    approve = ("registry", "approve", MODEL, "1", "--reason", "fine", "--as", "rita")
    assert run(folder, *approve).code == 10
    waive = ("--waive", "fairness", "--waive", "expectations", "--until", "2099-01-01", "--why", "no groups")
    said = run(folder, *approve, *waive)
    assert said.code == 0, said.err
    assert "fairness         waived" in said.out
    assert "expectations     waived  expectations: not run; waived by rita" in said.out
    assert run(folder, "registry", "promote", MODEL, "1", "--as", "rita").code == 0
    listed = run(folder, "registry", "list").out
    assert f"{MODEL} version 1 (champion)" in listed and f"{MODEL} version 2 (rejected):" in listed
    shown = run(folder, "registry", "show", MODEL, "2")
    assert "held against version none, and version 1 is champion" in shown.out
    compared = run(folder, "registry", "compare", "1", "2", "--out", str(folder / "diff.html"))
    assert "0.0% move by over 5 %" in compared.out
    assert "double lift" in (folder / "diff.html").read_text()
    history = run(folder, "registry", "history", "--verify")
    assert history.code == 0
    assert [x in history.out for x in ("rejected by rita", "approved by rita", "promoted by rita", "5 entries, unbroken")] == [
        True
    ] * 4
    pack = run(folder, "registry", "export", "1", "--out", str(folder)).out.strip()
    assert Path(pack).is_file()
    elsewhere = write_conf(folder / "elsewhere.yml", folder / "elsewhere")
    imported = [command(elsewhere, "registry", "import", pack, "--as", "lea") for _ in range(2)]
    assert [x.code for x in imported] == [0, 0]
    assert f"registered {MODEL} version 1, a candidate: version 1 of {folder}/lake/_registry, champion there" in imported[0].out
    assert "nothing was registered" in imported[1].out
    own = command(elsewhere, "registry", "approve", "--reason", "mine", "--as", "lea")
    assert (own.code, f"lea has imported {MODEL} version 1" in own.err) == (10, True)
    no_pack = command(elsewhere, "registry", "import", str(folder / "spec.yml"))
    assert (no_pack.code, "is no exam pack" in no_pack.err) == (3, True)
    [line] = json.loads(run(folder, "registry", "inventory", "--json").out)
    assert line["champion"] == "1"
    # a year after the approval, which a midnight may lie behind
    assert dt.date.fromisoformat(line["next_review"]) - today() in (dt.timedelta(days=365), dt.timedelta(days=364))


def test_predict_scores_other_rows(folder: Path) -> None:
    said = run(folder, "predict", "--table", str(folder / "others.parquet"), "--model", MODEL, "--out", str(folder / "p.parquet"))
    assert said.code == 0, said.err
    # version 2 is newer and was refused
    assert f"with {MODEL} version 1 (champion)" in said.out
    found = pd.read_parquet(folder / "p.parquet")
    assert found[["frequency", "pure_premium"]].gt(0).all().all()
    assert found["frequency"].corr(found["truth"]) > 0.8
    table(2).assign(area="moon").set_index(found.index // 2).to_parquet(folder / "twice.parquet")
    twice = run(folder, "predict", "--table", str(folder / "twice.parquet"), "--model", MODEL, "--out", str(folder / "q.parquet"))
    assert "area: levels that training had not in 4,000 rows" in twice.out
    assert len(pd.read_parquet(folder / "q.parquet")) == 4000
    other = run(folder, "predict", "--table", str(folder / "others.parquet"), "--model", MODEL, "--out", "x.xlsx")
    assert (other.code, ".parquet or .csv" in other.err) == (3, True)
    table(2).drop(columns=["age"]).to_parquet(folder / "less.parquet")
    less = run(folder, "predict", "--table", str(folder / "less.parquet"), "--model", MODEL, "--out", str(folder / "x.csv"))
    assert (less.code, "features missing: age" in less.err) == (6, True)


def test_a_history_that_was_changed_ends_with_10(folder: Path) -> None:
    path = next((folder / "lake" / "_registry" / MODEL).glob("000000000003.json"))
    content = path.read_text()
    path.write_text(content.replace("rita", "ann"))
    said = run(folder, "registry", "history", "--verify")
    assert (said.code, "entry 4 does not follow the one before it" in said.err) == (10, True)
    path.write_text(content)
