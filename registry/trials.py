"""A search's trials as nested runs: each is written when it is done, and read again by a search that goes on."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from lake.conf import Conf
from registry.log import experiment
from registry.store import answering, connect
from training.fitting import Progress
from training.search import Trial

KEY = "search_key"


@dataclass(frozen=True)
class Search:
    """The run that a search's trials are nested in."""

    run_id: str
    experiment_id: str
    conf: Conf

    def progress(self) -> Progress:
        """What is known of it, and where new trials go."""
        return Progress(self.finished(), self.log)

    def finished(self) -> dict[str, dict[int, Trial]]:
        """Trials by booster and number."""
        out: dict[str, dict[int, Trial]] = {}
        with answering(self.conf):
            runs = connect(self.conf).search_runs(
                [self.experiment_id],
                f"tags.mlflow.parentRunId = '{self.run_id}' and attributes.status = 'FINISHED'",
                max_results=5000,
            )
        for run in runs:
            number, metrics = int(run.data.tags["trial"]), run.data.metrics
            trial = Trial(number, json.loads(run.data.tags["params"]), int(metrics["trees"]), metrics["loss"])
            out.setdefault(run.data.tags["booster"], {})[number] = trial
        return out

    def log(self, booster: str, trial: Trial) -> None:
        """One finished trial."""
        tags = {
            "mlflow.parentRunId": self.run_id, "mlflow.runName": f"{booster} trial {trial.number}", "booster": booster,
            "trial": str(trial.number), "params": json.dumps(trial.params),
        }  # fmt: skip
        with answering(self.conf):
            client = connect(self.conf)
            run = client.create_run(self.experiment_id, tags=tags)
            for name, value in trial.params.items():
                client.log_param(run.info.run_id, name, value)
            client.log_metric(run.info.run_id, "loss", trial.loss)
            client.log_metric(run.info.run_id, "trees", trial.rounds)
            client.set_terminated(run.info.run_id)


def search_of(conf: Conf, model: str, what: dict[str, Any]) -> Search:
    """The search over `what` (frame, spec, seed): the one that was begun, else a new one."""
    key = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
    with answering(conf):
        client = connect(conf)
        place = experiment(conf, client, model)
        found = client.search_runs([place], f"tags.{KEY} = '{key}'", max_results=1)
        run = found[0] if found else client.create_run(place, tags={KEY: key, "mlflow.runName": f"search-{key[:12]}"})
        if not found:
            client.set_terminated(run.info.run_id)
    return Search(str(run.info.run_id), place, conf)
