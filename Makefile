# Each target does all set-up on a fresh machine: Python >= 3.11 and make are enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-slow bench bench-curves bench-whole bench-analyses check format schema clean

demo: $(STAMP) ## quickstart: build -> run -> analyse, offline
	$(BIN)/steerhouse run quickstart
	@echo
	$(BIN)/steerhouse analyse steerability --experiment quickstart --param layer=best
	@echo
	$(BIN)/steerhouse analyse planted_truth --experiment quickstart
	@$(BIN)/python -m runners.next_steps

test: $(STAMP) check ## lint, types, tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(STAMP) ## everything, the long ones too
	$(BIN)/python -m pytest -n 2 --dist loadfile

# PEER=/tmp/peer/bin/python adds the library of the seeds: benchmarks/ask_peer.py.
bench: $(STAMP) ## what sweeps cost beside bare passes and their bounds (about 10 minutes)
	$(BIN)/python -m benchmarks.sweep $(if $(PEER),--peer-python $(PEER)) $(BENCH)

bench-curves: $(STAMP) ## how the cost grows with items, layers, multipliers, vectors, length, width
	$(BIN)/python -m benchmarks.sweep --curves --rounds 3

bench-whole: $(STAMP) ## what a run spends its time on, and its memory at 100,000 items
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.many_items
	$(BIN)/python -m benchmarks.methods --limit 50

bench-analyses: $(STAMP) ## what every analysis takes at 0.5 and 5 million measurements
	$(BIN)/python -m benchmarks.analyses

check: $(STAMP) ## lint, format, types, JSON Schemas, specs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/steerhouse schema --check
	$(BIN)/steerhouse check

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(STAMP)
	$(BIN)/steerhouse schema

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv data
