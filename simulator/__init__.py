"""A fleet with known truth, at two levels: raw points of a few cars, and the policy days of a whole book."""

from simulator.run import simulate
from simulator.summary import Summary

__all__ = ["Summary", "simulate"]
