"""Notebooks for actuaries and reviewers; the tests execute them."""
