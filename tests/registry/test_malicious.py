"""A pickle among a model's files is never loaded."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from registry.champion import FILES, load
from tests.registry.given import MODEL, conf_with_champion, store


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_fault_20_a_pickle_in_the_place_of_a_models_file_is_not_executed(conf: Any, tmp_path: Path) -> None:
    own = conf_with_champion(conf)
    found = load(own, MODEL, "1", store()[1].run_id)
    (folder,) = (p.parent for p in Path(own.lake).rglob(FILES[0]))
    bomb, mark = pickle.dumps(Bomb(tmp_path / "mark")), tmp_path / "mark"
    pickle.loads(bomb)
    assert mark.is_file()  # it works
    mark.unlink()
    for name in FILES:
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(bomb)
        with pytest.raises(Exception):  # noqa: B017 - whatever the reader of the format makes of it
            load(own, MODEL, "1", found.run_id)
        (folder / name).write_bytes(kept)
    (folder / "model.pkl").write_bytes(bomb)
    assert load(own, MODEL, "1", found.run_id).scorer.parts() == found.scorer.parts()
    assert not mark.exists()
