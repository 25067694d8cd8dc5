"""What goes from a lake because of its age: rows, frames that nothing pins, unreferenced files, and leftovers of killed runs."""

import datetime as dt

from lake.conf import Conf
from lake.delta import Lake
from lake.delta_names import LOG
from lake.errors import ConfigError, LakeError
from lake.files import Files
from lake.retention import RULES
from lake.tables import TABLES
from registry.pins import pinned_frames

DAY_MS = 86_400_000
LEFTOVER_MS = DAY_MS
"""No night takes a day; what is staged is read within the command that staged it."""


def expire_rows(lake: Lake, conf: Conf, date: dt.date) -> dict[str, int]:
    """Delete rows that are too old for the night, a commit a table; how many by table."""
    found = {}
    for rule in RULES:
        predicate = rule.predicate(conf.retention, date)
        if predicate is not None and lake.exists(rule.table):
            found[rule.table] = lake.delete_where(rule.table, predicate)
    return {name: rows for name, rows in found.items() if rows}


def expire_frames(lake: Lake, conf: Conf) -> tuple[list[str], str | None]:
    """Delete frames that no registered version pins and that are old by the store's clock: (their names, why none could)."""
    files = Files(lake.spark)
    names = lake.frames()
    if conf.retention.frames is None or not names:
        return [], None
    try:
        pinned = pinned_frames(conf)
    except LakeError as e:
        return [], f"frames are left alone: {e}"
    oldest = files.now_ms(lake.root) - conf.retention.frames * DAY_MS
    gone = [name for name in names if name not in pinned and newest_ms(files, lake.path(name)) < oldest]
    for name in gone:
        # without its log it is no table, should this be killed in between
        files.remove(f"{lake.path(name)}/{LOG}")
        files.remove(lake.path(name))
    return gone, None


def remove_leftovers(lake: Lake) -> int:
    """Remove what runs that were killed more than a day ago left below _staging; how many folders."""
    files, removed = Files(lake.spark), 0
    root = f"{lake.root}/_staging"
    folders = [y for x in files.entries(root) for y in (files.entries(x.path) if x.name in ("load", "replay") else [x])]
    if folders:
        oldest = files.now_ms(root) - LEFTOVER_MS
        for folder in folders:
            if newest_ms(files, folder.path, folder.modified_ms) < oldest:
                files.remove(folder.path)
                removed += 1
    return removed


def newest_ms(files: Files, folder: str, least: int = 0) -> int:
    """When the newest file in the folder or below was made; a folder itself has a time on disk only."""
    times = [newest_ms(files, x.path, x.modified_ms) if x.is_folder else x.modified_ms for x in files.entries(folder)]
    return max([least, *times])


def vacuum_all(lake: Lake, conf: Conf) -> list[str]:
    """VACUUM every table but the frames, whose files never change; their names."""
    names = [name for name in TABLES if lake.exists(name)]
    for name in names:
        lake.vacuum(name, conf.retention.unreferenced_files)
    return names


def vacuum_one(lake: Lake, conf: Conf, name: str, days: int) -> None:
    """VACUUM a table on demand. Raises ConfigError for fewer days than configured, LakeError for a frame that is pinned or
    may be."""
    least = conf.retention.unreferenced_files
    if days < least:
        raise ConfigError(f"VACUUM {name} of files older than {days} days: retention.unreferenced_files is {least}")
    lake.table(name)
    if not lake.exists(name):
        raise LakeError(f"there is no table {name} in the lake at {lake.root}")
    if name.startswith("frames.") and name in pinned_frames(conf):
        raise LakeError(f"VACUUM {name}: a registered model is made from this frame, which is never touched")
    lake.vacuum(name, days)
