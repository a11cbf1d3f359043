# Every target makes the environment it needs. A stamp inside an environment is newer than the lists it was filled from, so a
# second run costs nothing and a changed list fills it again. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
JOBS ?= 2
TASK ?= segment
BIN := .venv/bin
LISTS := pyproject.toml constraints/install.py constraints/installer.txt constraints/torch.txt
FAST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore=tests/parity -n $(JOBS)

.PHONY: setup check test test-all demo bench peers lock clean

setup: .venv/.test

peers: .venv-peers/.peers

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture

test: .venv/.test
	$(FAST) -m "not slow"

test-all: .venv/.test .venv-peers/.peers
	$(FAST) -m slow
	OMP_NUM_THREADS=1 .venv-peers/bin/python -m pytest -n $(JOBS) tests/parity

demo: .venv/.core
	$(BIN)/python examples/demo.py --task $(TASK) --out runs/demo

bench: .venv-peers/.peers
	.venv-peers/bin/python benchmarks/compare.py --publish
	.venv-peers/bin/python benchmarks/compare.py --models swin_t swin_v2_t --precision fp32 --batch 8 --kinds training --publish

.venv/.core: $(LISTS) constraints/core.txt
	$(PYTHON) constraints/install.py .venv core
	touch $@

.venv/.test: $(LISTS) constraints/core.txt constraints/test.txt
	$(PYTHON) constraints/install.py .venv test
	touch .venv/.core $@

.venv-peers/.peers: $(LISTS) constraints/peers.txt
	$(PYTHON) constraints/install.py .venv-peers peers
	touch $@

# Pin anew after the dependencies in pyproject.toml or a list of names (*.in) changed; `make lock UPGRADE=--upgrade` moves everything.
COMPILE := $(BIN)/python -m uv --config-file constraints/uv.toml pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-package torch $(UPGRADE)
lock:
	test -x $(BIN)/uv || $(MAKE) setup
	$(COMPILE) constraints/installer.in -o constraints/installer.txt
	$(COMPILE) -c constraints/torch.txt pyproject.toml constraints/build.in --extra test --extra all -o constraints/test.txt
	$(COMPILE) -c constraints/torch.txt -c constraints/test.txt pyproject.toml constraints/build.in -o constraints/core.txt
	$(COMPILE) -c constraints/torch.txt -c constraints/test.txt pyproject.toml constraints/build.in constraints/peers.in \
		-o constraints/peers.txt

clean:
	rm -rf .venv .venv-peers dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
