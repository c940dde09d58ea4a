# Everything sets itself up: a fresh machine with Python 3.11 or newer is enough. No root needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 3
STAMP := $(VENV)/.ready

.PHONY: picture semantic semantic-if-possible stack stack-build demo test lint check bench wheel docs dashboards prices clean help

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): pyproject.toml
	$(PYTHON) tools/bootstrap.py $(VENV)
	@touch $@

wheel: $(STAMP)  ## build the wheel and install it into the virtual environment
	$(BIN)/python tools/install_wheel.py

semantic: wheel  ## build the model of semantic matching and install it (84 MB to fetch the first time, then a second)
	$(BIN)/python tools/minilm/build_wheel.py

semantic-if-possible: wheel
	@$(BIN)/python tools/minilm/build_wheel.py --optional

demo: semantic-if-possible  ## 20 seconds of mixed load against a simulated provider, and what its telemetry says
	$(BIN)/beastmode-otel demo

test: semantic-if-possible  ## all tests, against the installed wheel, by WORKERS processes (3)
	$(BIN)/python -P -m pytest -n $(WORKERS) --no-loadscope-reorder

check: lint  ## lint, format, types, generated files, architecture: before a commit
	$(BIN)/python -P -m pytest -q tests/unit/test_architecture.py

lint: wheel  ## the same without the architecture, which is one of the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/make_telemetry_docs.py --check
	$(BIN)/python tools/make_errors_docs.py --check
	$(BIN)/python tools/make_doctor_docs.py --check
	$(BIN)/python tools/make_dashboards.py --check

bench: wheel  ## our figures beside their floors and a peer (pip install litellm for the peer)
	$(BIN)/python benchmarks/router.py

stack: stack-build  ## run a Collector, Prometheus, VictoriaLogs and Jaeger on free loopback ports until Ctrl-C
	$(PYTHON) tools/stack up

stack-build:  ## build them from Go modules into .tools/bin (needs Go; 8 minutes the first time, then seconds)
	$(PYTHON) tools/stack build

docs: $(STAMP)  ## generate docs/telemetry.md, docs/errors.md and docs/doctor.md
	$(BIN)/python tools/make_telemetry_docs.py
	$(BIN)/python tools/make_errors_docs.py
	$(BIN)/python tools/make_doctor_docs.py

dashboards: $(STAMP)  ## generate dashboards/json and collector/rules.yaml
	$(BIN)/python tools/make_dashboards.py

picture: $(STAMP) stack-build  ## draw the dashboards with real data into docs/img (needs Node.js and Chromium)
	$(BIN)/python tools/draw/picture.py

prices: $(STAMP)  ## refresh the price snapshot from genai-prices
	$(BIN)/python -m pip install --quiet --upgrade genai-prices
	$(BIN)/python tools/make_prices.py

clean:  ## remove what the above made
	rm -rf $(VENV) dist build tools/draw/dist tools/draw/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
