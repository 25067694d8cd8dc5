"""Which training frames registered versions are made from."""

from lake.conf import Conf
from lake.errors import LakeError
from lake.masking import said
from registry.store import connect, local_store, place_of

TAG = "frame_hash"


def pinned_frames(conf: Conf) -> frozenset[str]:
    """Names of frames that a registered version of any model names. Raises LakeError where MLflow cannot say of each."""
    store = local_store(conf)
    if store is not None and not store.is_file():
        raise LakeError(f"no MLflow store at {store}")
    from mlflow.exceptions import MlflowException

    found: set[str] = set()
    token: str | None = None
    try:
        client = connect(conf)
        while True:
            page = client.search_model_versions(page_token=token)
            for version in page:
                if TAG not in version.tags:
                    raise LakeError(f"{version.name} version {version.version} does not say what frame it is made from")
                found.add(f"frames.{version.tags[TAG]}")
            token = page.token
            if not token:
                return frozenset(found)
    except MlflowException as e:
        raise LakeError(f"MLflow at {place_of(conf)} does not answer: {said(e)}") from e
