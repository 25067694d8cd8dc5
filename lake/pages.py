"""Pages of the docs that are generated from the catalogue: `python -m lake.pages` writes both below docs/."""

from pathlib import Path

from lake.feature import DAY_TERMS
from lake.features import CREDIBLE, FEATURES, WINDOW_COUNTS, WINDOWS_DAYS, Feature
from lake.tables import FRAME, TABLES, Table

DOCS = Path(__file__).parents[1] / "docs"
_SIGNS = {1: "up", -1: "down", 0: "free"}
_FEATURE = ("name", "meaning", "unit", "formula", "source", "expected sign", "in the model")


def _row(*cells: str) -> str:
    return f"| {' | '.join(c.replace('|', '&#124;') for c in cells)} |"


def _head(*cells: str) -> list[str]:
    return [_row(*cells), _row(*("---" for _ in cells))]


def features_page() -> str:
    """docs/features.md: a row per feature and version, with the windows it has and those a model sees."""
    lines = [
        "# Features",
        "",
        "Generated from `lake/features.py` by `python -m lake.pages`; a test compares.",
        "",
        f"Each feature exists for windows of {', '.join(map(str, WINDOWS_DAYS))} days, or for those named, as column",
        "`<name>_<days>` of `gold.policy_features` and of every training frame. A window of w days as of D covers local days",
        "[D - w, D) as known at cutoff(D). Numerators and denominators are sums of whole numbers over the days of",
        "`gold.policy_days`; a vehicle without days has 0 in amounts and counts and null in quotients; values are rounded",
        "once, to nine decimals. Besides sums:",
        "",
        *(f"- `{name}`: {meaning}" for name, meaning in WINDOW_COUNTS.items()),
        *(f"- `{name}`: of each day `{sql}`" for name, sql in DAY_TERMS.items()),
        "",
        'The expected sign says how claims may move with it; a model that sees it is held to that. "In the model" names the',
        "windows that a model sees. Versions stand beside each other: one is never edited once a model has used it.",
    ]
    for version, features in FEATURES.items():
        lines += ["", f"## {version}", "", *_head(*_FEATURE)]
        by_stem: dict[str, list[Feature]] = {}
        for feature in (*features, *CREDIBLE[version]):
            by_stem.setdefault(feature.stem, []).append(feature)
        lines += [_feature_row(stem, group) for stem, group in by_stem.items()]
    return "\n".join(lines) + "\n"


def _feature_row(stem: str, group: list[Feature]) -> str:
    windows = [str(f.window_days) for f in group if f.model]
    first, days = group[0], tuple(f.window_days for f in group)
    name = f"`{stem}`" if days == WINDOWS_DAYS else f"`{stem}` ({', '.join(map(str, days))})"
    return _row(name, first.meaning, first.unit, f"`{first.formula}`", first.source, _SIGNS[first.sign], ", ".join(windows))


def dictionary_page() -> str:
    """docs/data-dictionary.md: every table with its columns."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `lake/tables.py` by `python -m lake.pages`; a test compares.",
        "",
        "Bitemporal tables keep every version of a row: read them as known at a time (known_from before it, known_to null or not",
        "before it). What is known today has known_to null: `<table>_current`, a view that `telematics tables --ddl` makes in",
        "another engine ([contract-lake.md](contract-lake.md)). Published tables are plain Delta without deletion vectors, for",
        "engines other than Spark.",
    ]
    for table in (*TABLES.values(), FRAME):
        lines += ["", *_table_lines(table)]
    return "\n".join(lines) + "\n"


def _table_lines(table: Table) -> list[str]:
    kinds = [k for k, holds in (("bitemporal", table.bitemporal), ("published", table.published)) if holds]
    parts = [f"One row is {table.meaning}.", f"Key: {', '.join(table.key)}{', known_from' if table.bitemporal else ''}."]
    parts += [f"Partitioned by {', '.join(table.partition_by)}."] if table.partition_by else []
    parts += [f"{' and '.join(kinds).capitalize()}."] if kinds else []
    columns = [_row(f"`{c.name}`", f"`{c.type}`", c.unit, "yes" if c.nullable else "no", c.meaning) for c in table.columns]
    return [f"## {table.name}", "", " ".join(parts), "", *_head("column", "type", "unit", "null", "meaning"), *columns]


def main() -> None:
    """Write both pages."""
    (DOCS / "features.md").write_text(features_page())
    (DOCS / "data-dictionary.md").write_text(dictionary_page())


if __name__ == "__main__":
    main()
