# On a fresh machine `make train` and `make test` need only Python, git and make: both install what they need into
# .venv. To use another Python, delete .venv and give PYTHON=python3.12.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UNFINISHED := $(VENV)/.unfinished
USABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
# The networks of make train lie apart from those of your own runs.
BUILT_IN := paths.artifacts=artifacts/built_in
REMOVED_BY_CLEAN := build dist outputs multirun docs/_build docs/api docs/notebooks .coverage .mypy_cache .ruff_cache .pytest_cache \
  .import_linter_cache .hypothesis
# Tests run in so many processes, and mypy in as many, of one thread each: threads that wait for each other make a training five times slower.
WORKERS := 2
PYTEST = OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile \
  --no-loadscope-reorder --failures=$(FAILURES)
FAILURES := .pytest_cache/failures

check = @$(MAKE) --no-print-directory --jobs=2 --output-sync lint typecheck

# Both parts run, whatever becomes of the first, and the tests that failed are named last. 5: ARGS chose none of a part.
define run_tests
@rm -f $(FAILURES); \
  $(PYTEST) --runtimes=without $(1) $(ARGS); first=$$?; \
  $(PYTEST) --runtimes=only $(1) $(ARGS); second=$$?; \
  case "$$first $$second" in "0 0" | "0 5" | "5 0") ;; *) \
    echo "make: pytest ended with $$first without the runtimes and $$second with them only"; \
    if [ -e $(FAILURES) ]; then cat $(FAILURES); fi; exit 1 ;; \
  esac
endef

.DEFAULT_GOAL := help
.PHONY: help install train test test-all reliability coverage lint format typecheck notebooks docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

install: $(STAMP) ## set up .venv: the package, editable, and what developing needs, as constraints.txt pins it
	@echo "$(VENV) is ready: $$($(BIN)/python --version)"

train: $(STAMP) ## train all stages on built-in synthetic scenes and evaluate them (ARGS='key=value ...' goes to each training)
	$(BIN)/python -m drbn_lightning.train stage=band $(BUILT_IN) $(ARGS)
	$(BIN)/python -m drbn_lightning.train stage=quality $(BUILT_IN) $(ARGS)
	$(BIN)/python -m drbn_lightning.train stage=recompose $(BUILT_IN) $(ARGS)
	$(BIN)/python -m drbn_lightning.evaluate checkpoint=artifacts/built_in/recompose.pt quality_model=artifacts/built_in/quality.pt

test: $(STAMP) ## lint, typecheck and run all but the slow tests (ARGS='-k name' goes to pytest)
	$(check)
	$(call run_tests,-m "not slow")

test-all: $(STAMP) ## the same with the slow tests: sweeps, several processes, notebooks
	$(check)
	$(call run_tests,)

reliability: $(STAMP) ## kill, fuzz and starve it, half an hour on two cores (FULL=1: as often as docs/reliability.md says; ARGS='-k name')
	FULL=$(FULL) $(PYTEST) --reliability --durations=10 $(ARGS)

coverage: $(STAMP) ## run every test and print the share of the lines and branches that they run (ARGS='-k name' goes to pytest)
	@rm -f .coverage .coverage.*
	-$(BIN)/python -m pytest --runtimes=without --cov --cov-report= $(ARGS)
	-$(BIN)/python -m pytest --runtimes=only --cov --cov-append --cov-report= $(ARGS)
	$(BIN)/python -m coverage report

lint: $(STAMP) ## check style, formatting and the direction of imports
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/lint-imports --no-logo

format: $(STAMP) ## format the code and mend what ruff can mend
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

typecheck: $(STAMP) ## check types with mypy
	MYPY_NUM_WORKERS=$(WORKERS) $(BIN)/python -m mypy

notebooks: $(STAMP) ## run the notebooks in place (DRBN_LOL=PATH and DRBN_PHOTOS=PATH show real photos)
	$(BIN)/python notebooks/run.py $(ARGS)

docs: $(STAMP) ## build the documentation as a site, strictly and without a network: docs/_build/html/index.html
	@rm -rf docs/api docs/notebooks # what a renamed module or notebook would leave
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs docs/_build/html
	@echo "built: docs/_build/html/index.html"

clean: ## remove build products, caches, outputs/ and multirun/; .venv and artifacts/ stay
	@echo "removing $(REMOVED_BY_CLEAN) src/*.egg-info and every __pycache__"
	@rm -rf $(REMOVED_BY_CLEAN) src/*.egg-info
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# --compile-bytecode: with PYTHONDONTWRITEBYTECODE, as in many containers, each process would compile torch and Lightning for
# itself: 23 s to import them instead of 10.
# A .venv that another tool made is taken as it is; one whose installation was cut short is made anew.
$(STAMP): pyproject.toml constraints.txt
	@if [ -e $(UNFINISHED) ] || ! $(BIN)/python -c '$(USABLE)' 2>/dev/null; then \
	  if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; else set -- python3.13 python3.12 python3.11 python3; fi; \
	  while [ $$# -gt 0 ] && ! "$$1" -c '$(USABLE)' 2>/dev/null; do shift; done; \
	  if [ $$# -eq 0 ]; then \
	    echo "make: found no usable Python (tried $(or $(PYTHON),python3.13 python3.12 python3.11 python3)):" \
	      "this needs 3.11 to 3.13 with the venv module (Debian: python3-venv). Name one: PYTHON=/path/to/python" >&2; \
	    exit 1; \
	  fi; \
	  python=$$("$$1" -c 'import sys; print(sys._base_executable)') && \
	  echo "making $(VENV) with $$("$$python" --version)" && \
	  rm -rf $(VENV) && mkdir $(VENV) && touch $(UNFINISHED) && "$$python" -m venv $(VENV); \
	fi
	@touch $(UNFINISHED)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/python -m uv pip install --compile-bytecode --python $(BIN)/python --constraint constraints.txt \
	  --build-constraint constraints.txt --editable '.[dev]'
	@rm $(UNFINISHED) && touch $@
