# make demo   set up .venv, run the quickstart, say where the results are
# make test   set up .venv, run the tests
# make lint   ruff, mypy, import rules, generated docs
# make docs   the documentation site, in docs/_build/html; a warning is an error
# Choose another Python (3.11 or later) with: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
READY = $(VENV)/.ready

.PHONY: demo test lint docs

demo: $(READY)
	$(VENV)/bin/demo quickstart -o quickstart

test: $(READY)
	$(VENV)/bin/python -m pytest

lint: $(VENV)/.ready-lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python docs/generate.py --check

docs: $(VENV)/.ready-lint
	$(VENV)/bin/python -m sphinx -q -W --keep-going -E -b html docs docs/_build/html

# Installed again when what is installed changes: the dependencies, or the set of plugins
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "DeMo needs Python 3.11 or later; choose one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps bpnet-lite
	touch $@

$(VENV)/.ready-lint: $(READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
