"""What a rerun of a published night takes in: the files that it had, as they were."""

import datetime as dt

from jobs.loading_admission import Admission
from jobs.loading_batch import Batch, in_batch
from jobs.loading_write import Sums, ledger_row, write_ledger
from lake.conf import CONF_FOLDER
from lake.delta import Lake
from lake.sources import load_source
from lake.storage import StoredFile

D = dt.date(2026, 1, 5)
NOW, LATER = (dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (5, 6))


def file(name: str, fingerprint: str = "1") -> StoredFile:
    return StoredFile(name, 1, fingerprint)


def test_only_files_that_the_night_had_as_they_are_now(lake: Lake) -> None:
    source = load_source("sim_phone", CONF_FOLDER / "sources")
    batch = Batch(lake, source, lake.table(source.target), D, None, None, "run")
    had = (("a", "ingested"), ("copy", "duplicate_file"), ("cut", "refused"), ("changed", "ingested"))
    write_ledger(batch, [ledger_row(batch, Admission(file(x), f"sha {x}"), status, Sums(), NOW, NOW) for x, status in had])
    # its night was published when somebody loaded this one by hand for it
    write_ledger(batch, [ledger_row(batch, Admission(file("by hand"), "sha by hand"), "ingested", Sums(), LATER, LATER)])
    landed = [file("by hand"), file("a"), file("copy"), file("cut"), file("cut", "2"), file("changed", "2"), file("new")]
    assert in_batch(batch, landed) == [file("a"), file("copy")]
