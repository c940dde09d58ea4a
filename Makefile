# Everything sets itself up: a fresh machine with Python 3.11 or newer is enough. No root needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: demo test check bench wheel docs prices clean help

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(STAMP): pyproject.toml
	$(PYTHON) tools/bootstrap.py $(VENV)
	@touch $@

wheel: $(STAMP)  ## build the wheel and install it into the virtual environment
	$(BIN)/python tools/install_wheel.py

demo: wheel  ## 20 seconds of mixed load against a simulated provider, and what its telemetry says
	$(BIN)/beastmode-otel demo

test: wheel  ## all tests, against the installed wheel
	$(BIN)/python -P -m pytest

check: wheel  ## lint, format, types, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/make_telemetry_docs.py --check
	$(BIN)/python tools/make_errors_docs.py --check
	$(BIN)/python -P -m pytest -q tests/unit/test_architecture.py

bench: wheel  ## our figures beside their floors and a peer (pip install litellm for the peer)
	$(BIN)/python benchmarks/router.py

docs: $(STAMP)  ## generate docs/telemetry.md and docs/errors.md
	$(BIN)/python tools/make_telemetry_docs.py
	$(BIN)/python tools/make_errors_docs.py

prices: $(STAMP)  ## refresh the price snapshot from genai-prices
	$(BIN)/python -m pip install --quiet --upgrade genai-prices
	$(BIN)/python tools/make_prices.py

clean:  ## remove what the above made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
