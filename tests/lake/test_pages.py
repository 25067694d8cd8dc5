"""Generated pages say what the catalogue says."""

import pytest

from lake.errors import ConfigError
from lake.features import feature_list
from lake.pages import DOCS, dictionary_page, features_page


def test_committed_pages_are_the_generated_ones() -> None:
    assert (DOCS / "features.md").read_text() == features_page(), "run `python -m lake.pages`"
    assert (DOCS / "data-dictionary.md").read_text() == dictionary_page(), "run `python -m lake.pages`"


def test_every_feature_has_a_row() -> None:
    page = features_page()
    assert all(f"| `{f.stem}` |" in page for f in feature_list("v1"))


def test_an_unknown_version_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'v9'.*v1"):
        feature_list("v9")
