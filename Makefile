# Everything one types while working on the project; `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench lock tools doctor clean distclean
.DELETE_ON_ERROR:

VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
TOOLS := .venv-tools
SHIPPED := lake transforms expectations training registry monitoring jobs simulator emr conf benchmarks .ci setup.py
IS_311 := import sys; sys.exit(sys.version_info[:2] != (3, 11))

help: ## what can be made (this)
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv from requirements.lock, with the project and Delta's jars

demo: $(STAMP) ## simulate a fleet, train, promote, run three nights and say what to open (below ./var)
	$(BIN)/telematics demo

test: $(STAMP) ## the whole test suite, in local-mode Spark, by two workers: much of it is waiting
	$(BIN)/python -m pytest -n 2 --dist loadscope

lint: $(STAMP) ## style, formatting, types, layers, security
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -r $(SHIPPED)

format: $(STAMP) ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure against peers in the same run, print the ratios
	$(BIN)/python -m benchmarks

lock: $(STAMP) ## pin requirements.in anew into requirements.lock, keeping the pins that still fit
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  requirements.in -o requirements.lock
	printf 'checkov==3.3.30\npip-audit\n' | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  - -o .ci/tools.lock

# apart from .venv, whose pins its own would move
tools: $(STAMP) ## install checkov and pip-audit (emr/terraform, locked packages) into an environment of their own
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(TOOLS)
	@VIRTUAL_ENV=$(abspath $(TOOLS)) $(BIN)/uv pip install -q --require-hashes -r .ci/tools.lock
	@$(TOOLS)/bin/checkov --version

doctor: $(STAMP) ## check Python, Java, jars, disk and write access, and say how to mend each
	$(BIN)/telematics doctor

clean: ## remove the demo's lake and every cache, keep .venv
	rm -rf var spark-warehouse metastore_db derby.log build dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv and that of the tools
	rm -rf $(VENV) $(TOOLS)

# pip brings uv, hashes checked; uv brings the rest in a minute where pip takes several
$(STAMP): requirements.lock setup.py pyproject.toml
	@if ! $(BIN)/python -c '$(IS_311)' 2>/dev/null; then \
	  python=; for p in python3.11 python3; do $$p -c '$(IS_311)' 2>/dev/null && python=$$p && break; done; \
	  [ -n "$$python" ] || { echo "Python 3.11 is needed, and neither python3.11 nor python3 is one: install it (Debian: apt-get install python3.11-venv, macOS: brew install python@3.11)." >&2; exit 5; }; \
	  echo "making $(VENV) with $$python"; $$python -m venv --clear $(VENV); fi
	@awk '/^[a-z]/ {uv = /^uv==/} uv' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q --require-hashes -r $(VENV)/uv.txt
	@echo "installing requirements.lock (3 GB, about a minute from a cache)"
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install -q --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@$(BIN)/python -m lake.jars
	@touch $@
