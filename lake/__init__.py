"""Columns and schemas of every table, the session, Delta reads and idempotent writes, configuration."""

from lake.quiet import silence

silence()
