"""Each module bench_*.py measures our work against a peer in the same run; `python -m benchmarks` prints the ratios."""
