# On a machine with Python 3.11 and make: `make demo` sets everything up and runs the main job, `make test` checks it.
# PYTHON=... chooses the interpreter that makes .venv; everything after that is .venv's.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH := torch==2.13.0

.PHONY: demo test tests lint format install clean distclean

demo: $(STAMP)
	$(BIN)/xlforget demo

# The tests begin at once, and what reads the code reads it beside them.
test: $(STAMP)
	$(MAKE) --jobs 2 lint tests

# Two processes of one thread each: most of the time goes into commands that tests start, one at a time.
tests: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(STAMP)

# The stamp is newer than both files that say what to install, so that a second call installs nothing.
# torch comes first and alone: from wherever pip is told to look, else PyTorch's own CPU index, which does not
# hold the pinned versions of torch's dependencies (these come with the next line).
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt $(TORCH) \
		|| $(PIP) install --no-deps --index-url https://download.pytorch.org/whl/cpu $(TORCH)
	$(PIP) install --constraint constraints.txt setuptools
	$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	touch $@

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find xlforget tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
