# Every target makes the virtual environment it needs, from plain Python and pip (uv when it is on PATH).
.POSIX:
.PHONY: demo test test-bi soak serve docs lint bench clean lock install help

VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
# The first interpreter that really runs: a version manager's shim may exist and answer "not found".
PY = $$(for v in 3.11 3.12 3.13; do python$$v -c '' 2>/dev/null && { echo python$$v; exit; }; done; echo python3)

export DO_NOT_TRACK = 1
export DAGSTER_DISABLE_TELEMETRY = yes
export GX_ANALYTICS_ENABLED = false
# Where it is forbidden to keep compiled Python, every funnel process compiles 4,000 modules: seven seconds.
export PYTHONDONTWRITEBYTECODE =

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

install: $(STAMP) ## the virtual environment alone

$(STAMP): requirements.lock pyproject.toml
	@py=$(PY); echo "installing into $(VENV) with $$py …"; \
	if command -v uv >/dev/null 2>&1; then \
	  uv venv -q --clear -p $$py $(VENV) \
	  && uv pip install -q -p $(BIN)/python --no-deps --require-hashes -r requirements.lock \
	  && uv pip install -q -p $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $$py -m venv --clear $(VENV) \
	  && $(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements.lock \
	  && $(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

demo: $(STAMP) ## a whole run against the local stand-in, with its proof; SOURCES=all for every vendor
	@$(BIN)/funnel demo --sources "$(SOURCES)"

test: $(STAMP) ## the test suite, on two cores (about seven minutes)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-bi: $(STAMP) ## the page in a real browser, older DuckDB clients, Postgres (FUNNEL_BI=<a publication> saves the demo run)
	@FUNNEL_BI=$${FUNNEL_BI:-demo} $(BIN)/python -m pytest -n0 tests/dashboards tests/bi

soak: $(STAMP) ## longer tests (hours): kills at many instants, days of life
	@FUNNEL_SOAK=1 $(BIN)/python -m pytest tests/soak

serve: $(STAMP) ## Dagster's UI with the schedule
	@$(BIN)/funnel serve

docs: $(STAMP) ## dbt's catalogue of FUNNEL_HOME, one HTML page
	@$(BIN)/funnel docs

lint: $(STAMP) ## formatting, style, types, import rules, SQL
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/sqlfluff lint -q dbt_project/models

bench: $(STAMP) ## measurements, as ratios; ARGS=big for ten times the deals
	@$(BIN)/python -m benchmarks $(ARGS)

lock: ## write requirements.lock anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header --extra dev pyproject.toml -o requirements.lock
	! grep -nE '://|--index|--find-links' requirements.lock

clean: ## everything the targets made
	rm -rf $(VENV) data .pytest_cache .mypy_cache .ruff_cache build *.egg-info dbt_project/target dbt_project/logs
