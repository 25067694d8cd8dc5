"""A registered model loads and scores where only what its own requirements name is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registry.given import store
from tests.training.given import the_frame, trained

pytestmark = pytest.mark.slow
ROWS = 20
SCRIPT = """
import json, sys, mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = pd.read_parquet(sys.argv[2])
out = {"premium": model.predict(rows)["pure_premium"].tolist(), "spark": "pyspark" in sys.modules}
for name, wrong in (("renamed", rows.rename(columns={"km_90": "km90"})), ("text", rows.assign(km_90="far"))):
    try:
        model.predict(wrong)
    except Exception as e:
        out[name] = str(e)
print(json.dumps(out))
"""


def registered_files() -> Path:
    """The champion's model as MLflow keeps it; other tests register versions of their own in the same store."""
    root, logged = store()
    models = (p.parent for p in (root / "_mlflow" / "artifacts").rglob("MLmodel") if (p.parent / "artifacts").is_dir())
    (found,) = (m for m in models if logged.run_id in (m / "MLmodel").read_text())
    return found


def test_a_model_needs_only_what_it_names(tmp_path: Path) -> None:
    model = registered_files()
    uv = str(Path(sys.executable).with_name("uv"))
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    install = [uv, "pip", "install", "-q", "--python", str(python), "-r", str(model / "requirements.txt")]
    done = subprocess.run(install, check=False, capture_output=True, text=True)
    if done.returncode and "Failed to fetch" in done.stderr:
        pytest.skip(f"no package index can be reached: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    rows = the_frame()[trained().scorer.spec.inputs].head(ROWS).astype(float)
    rows.to_parquet(tmp_path / "rows.parquet")
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MLFLOW"))}
    said = subprocess.run(
        [str(python), "-c", SCRIPT, str(model), str(tmp_path / "rows.parquet")],
        check=False, capture_output=True, text=True, cwd=tmp_path, env=bare,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout.splitlines()[-1])
    assert found["premium"] == pytest.approx(trained().scorer.score(rows)["pure_premium"].tolist())
    assert not found["spark"]
    assert "km_90" in found["renamed"]
    assert "km_90" in found["text"]
