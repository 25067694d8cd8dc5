"""One module a Spark job, the only place that does IO; catalog.py is the night as data, cli.py the command line."""
