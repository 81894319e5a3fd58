# make demo: fit the classic example, and write its page. make test: run every test.
# Both make .venv first.

VENV := .venv
BIN := $(VENV)/bin
# A stamp, so that a new pyproject.toml installs again.
INSTALLED := $(VENV)/.installed
# The peers have an environment of their own: nothing of theirs reaches the library's.
BENCH_VENV := .venv-bench
BENCH_INSTALLED := $(BENCH_VENV)/.installed

.PHONY: demo test lint types docs examples speed exact-speed exact-everywhere answers-speed memory \
  mutants bench bench-full clean

demo: $(INSTALLED)
	$(BIN)/hierpool fit data/efron-morris-75.csv --group player --successes hits --trials at_bats \
	  --new-group "0 for 4=0/4" --chains 2 --warmup 2000 --draws 2000 --target-accept 0.95 \
	  --max-rhat 1.03 --seed 1975 --output demo.nc --report demo.html --force
	@echo "The fit is $(CURDIR)/demo.nc"
	@echo "The page, for a browser, is $(CURDIR)/demo.html"

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(INSTALLED)
	$(BIN)/mypy

# The site, build/site/index.html: it is read from the folder, without a server or a network.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "The site is $(CURDIR)/build/site/index.html"

examples: $(INSTALLED)
	$(BIN)/python -m pytest -q tests/test_readme.py tests/docs/test_pages.py

mutants: $(INSTALLED)
	$(BIN)/python -m benchmarks.mutants

speed: $(INSTALLED)
	$(BIN)/python benchmarks/demo_speed.py

exact-speed: $(INSTALLED)
	$(BIN)/python benchmarks/exact_speed.py

exact-everywhere: $(INSTALLED)
	$(BIN)/python benchmarks/exact_everywhere.py

answers-speed: $(INSTALLED)
	$(BIN)/python benchmarks/answers_speed.py

memory: $(INSTALLED)
	$(BIN)/python benchmarks/memory.py

bench: $(BENCH_INSTALLED)
	$(BENCH_VENV)/bin/python -m benchmarks.bench --form quick

bench-full: $(BENCH_INSTALLED)
	$(BENCH_VENV)/bin/python -m benchmarks.bench --form full

$(INSTALLED): pyproject.toml .ci/find-python
	@python=$$(PYTHON="$(PYTHON)" .ci/find-python) && \
	  echo "Making $(VENV) with $$($$python --version)" && $$python -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

$(BENCH_INSTALLED): pyproject.toml .ci/find-python benchmarks/peers/mend_httpstan.py
	@python=$$(PYTHON="$(PYTHON)" .ci/find-python) && \
	  echo "Making $(BENCH_VENV) with $$($$python --version)" && \
	  $$python -m venv --clear $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	$(BENCH_VENV)/bin/python benchmarks/peers/mend_httpstan.py
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH_VENV) dist build demo.nc demo.html
