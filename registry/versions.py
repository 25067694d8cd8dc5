"""Which versions there are, and what aliases they have."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lake.conf import Conf
from lake.errors import InputError
from registry.store import CHAMPION, answering, checked_name, connect, local_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTHING = "no model is registered: run `telematics train`"


@dataclass(frozen=True)
class Version:
    """A registered version as `telematics registry list` shows it; metrics are empty there."""

    model: str
    version: str
    champion: bool
    run_id: str
    tags: dict[str, str]
    metrics: dict[str, float]

    def describe(self) -> str:
        """One line: model, version, alias, Gini with its interval and the frame."""
        t = self.tags
        state = CHAMPION if self.champion else t.get("state", "candidate")
        role = f" ({state})"
        gini = " to ".join(f"{float(t[k]):.3f}" for k in ("gini_lower", "gini_upper") if k in t)
        measured = f"Gini {float(t['gini']):.3f} ({gini}), " if "gini" in t else ""
        facts = f"frame {t.get('frame_hash', '?')[:12]}, valued {t.get('valuation', '?')}"
        return f"{self.model} version {self.version}{role}: {measured}{facts}"


def versions(conf: Conf, model: str | None = None) -> list[Version]:
    """All versions of one model or of all, newest first within a model; none where nothing was ever registered."""
    if not _there(conf):
        return []
    with answering(conf):
        client = connect(conf)
        names = [m.name for m in client.search_registered_models() if model in (None, m.name)]
        return [v for name in sorted(names) for v in _of_model(client, name)]


def describe_versions(conf: Conf, model: str | None = None) -> str:
    """A line per version, or what to run where there is none."""
    return "\n".join(v.describe() for v in versions(conf, model)) or NOTHING


def show(conf: Conf, model: str | None = None, version: str | None = None) -> Version:
    """One version with its metrics; by default the newest of the only model. Raises InputError listing what there is."""
    chosen = _choose(conf, model, version)
    run = connect(conf).get_run(chosen.run_id)
    return replace(chosen, metrics=dict(run.data.metrics))


def choose(conf: Conf, model: str | None = None, version: str | None = None) -> Version:
    """One version; by default the newest of the only model. Raises InputError listing what there is."""
    return _choose(conf, model, version)


def holder(conf: Conf, model: str, alias: str) -> str | None:
    """The version that has an alias, None for none."""
    with answering(conf):
        found = connect(conf).get_registered_model(checked_name(model)).aliases.get(alias)
    return None if found is None else str(found)


def _there(conf: Conf) -> bool:
    store = local_store(conf)
    return store is None or store.is_file()


def _of_model(client: "MlflowClient", name: str) -> list[Version]:
    holder = client.get_registered_model(name).aliases.get(CHAMPION)
    found: list[Any] = sorted(client.search_model_versions(f"name = '{checked_name(name)}'"), key=lambda v: -int(v.version))
    return [Version(name, str(v.version), str(v.version) == str(holder), str(v.run_id), dict(v.tags), {}) for v in found]


def _choose(conf: Conf, model: str | None, version: str | None) -> Version:
    found = versions(conf, model)
    if not found:
        raise InputError(NOTHING if model is None else f"no model '{model}' is registered: see `telematics registry list`")
    names = sorted({v.model for v in found})
    if len(names) > 1:
        raise InputError(f"there are {len(names)} models, name one of {', '.join(names)}")
    chosen = [v for v in found if version in (None, v.version)]
    if not chosen:
        raise InputError(f"{names[0]} has no version '{version}'; it has {', '.join(v.version for v in found)}")
    return chosen[0]
