"""Names in the log of a Delta table: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#delta-log-entries"""

import re

LOG = "_delta_log"
ENTRY = re.compile(r"(\d{20})\.json")
"""Of a commit, by its name below LOG; the group is its version."""


def entry_name(version: int) -> str:
    """Where the entry of a version is, from the table's folder."""
    return f"{LOG}/{version:020d}.json"
