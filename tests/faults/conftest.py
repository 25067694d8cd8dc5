"""The stopped night, once for the tests of what readers see and of what is written."""

import pytest

from tests.faults.stopping import StoppedNight, stop_and_mend
from tests.world import World


@pytest.fixture(scope="session")
def stopped(world: World, tmp_path_factory: pytest.TempPathFactory) -> StoppedNight:
    return stop_and_mend(world, tmp_path_factory.mktemp("stopped"))
