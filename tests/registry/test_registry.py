import json
from pathlib import Path

import pytest

from lake.conf import Conf
from lake.errors import EnvironmentProblem, InputError, LakeError, NoChampion
from registry.champion import champion, load
from registry.store import model_name
from registry.versions import NOTHING, choose, describe_versions, show, versions
from tests.registry.given import LINEAGE, MODEL, conf_with_champion, store
from tests.training.given import the_frame, trained

DOWN = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


def test_champion_scores_as_it_was_trained() -> None:
    found = champion(conf_with_champion(), "liability")
    assert (found.model, found.version, found.run_id) == (MODEL, "1", store()[1].run_id)
    assert found.frame == f"frames.{LINEAGE['frame_hash']}"
    assert found.scorer.parts() == trained().scorer.parts()
    assert found.gini == trained().metrics["frequency_model_gini"].value
    assert found.gini_interval[0] < found.gini < found.gini_interval[1]
    predictions = found.test_predictions()
    assert predictions["predicted"].tolist() == pytest.approx(trained().test["predicted"].tolist())
    assert {"policy_id", "exposure_years", "claims"} <= set(predictions)


def test_fault_20_loads_as_pyfunc_and_nothing_is_a_pickle() -> None:
    import mlflow

    champion(conf_with_champion(), "liability")
    spec = trained().scorer.spec
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/1")
    rows = the_frame().head(20)
    out = model.predict(rows[spec.inputs].astype(float))
    expected = trained().scorer.score(rows)
    assert out["pure_premium"].tolist() == pytest.approx(expected["pure_premium"].tolist())
    assert json.loads(out["reasons"].iloc[0])[0]["feature"] == expected["reasons"].iloc[0][0]["feature"]
    assert model.metadata.get_input_schema().input_names() == spec.inputs
    files = [p for p in (store()[0] / "_mlflow").rglob("*") if p.is_file()]
    assert {p.name for p in files} >= {
        "frequency.ubj",
        "severity.ubj",
        "scorer.json",
        "card.md",
        "lorenz.png",
        "shap_summary.png",
    }
    assert not [p for p in files if p.suffix in {".pkl", ".pickle", ".joblib", ".cloudpickle"}]


def test_no_store_and_no_alias_say_what_to_run(conf: Conf) -> None:
    with pytest.raises(NoChampion, match="telematics registry promote pure-premium-liability"):
        champion(conf, "liability")
    with pytest.raises(NoChampion, match="coverage 'glass'"):
        champion(conf_with_champion(), "glass")
    assert describe_versions(conf) == NOTHING
    assert not Path(conf.lake, "_mlflow").exists()


def test_fault_27_server_down_scores_with_the_last_champion_seen(conf: Conf) -> None:
    history = conf_with_champion(conf).registry
    down = conf.model_copy(update={"mlflow_tracking_uri": DOWN, "registry": history})
    with pytest.raises(EnvironmentProblem, match="does not answer and no champion is cached"):
        champion(down, "liability")
    seen = champion(conf_with_champion(conf), "liability")
    found = champion(down, "liability")
    assert found.cached and not seen.cached
    assert found.scorer.parts() == seen.scorer.parts()
    # a rerun names the run, and needs no server at all
    assert load(down, MODEL, "1", seen.run_id).version == "1"


def test_lists_and_shows() -> None:
    conf = conf_with_champion()
    assert [(v.model, v.version, v.champion) for v in versions(conf)] == [(MODEL, "1", True)]
    assert describe_versions(conf).startswith(f"{MODEL} version 1 (champion): Gini ")
    assert show(conf).metrics["frequency_model_gini"] == trained().metrics["frequency_model_gini"].value
    with pytest.raises(InputError, match="has no version '9'; it has 1"):
        choose(conf, MODEL, "9")
    with pytest.raises(InputError, match="no model 'other'"):
        show(conf, "other")


def test_names_cannot_climb_and_versions_must_exist() -> None:
    with pytest.raises(InputError, match="only letters"):
        model_name("../../etc")
    with pytest.raises(LakeError, match="version 9 cannot be read"):
        load(conf_with_champion(), MODEL, "9")
