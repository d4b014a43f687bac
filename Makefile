# Two environments, since the runtime and the trainer need different versions of huggingface-hub.
PYTHON ?= python3
# Without what they require: on a CPU none of it is used, and it is several GB of GPU packages.
UNSLOTH = unsloth==2026.10.9 unsloth_zoo==2026.10.9 cut_cross_entropy==25.1.1
COMPILE = .venv/bin/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-strip-extras \
	--custom-compile-command "make lock"

.PHONY: test test-runtime test-training lint lock clean

test: test-runtime test-training

test-runtime: .venv/dev
	.venv/bin/python -m pytest

test-training: .venv-train/done
	.venv-train/bin/python -m pytest $$(grep -rl --include="test_*.py" "pytest.mark.training" tests)

lint: .venv/dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/zizmor --offline --strict-collection --persona=pedantic --quiet . examples/*.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/*.yml
	.venv/bin/python -m tests.standins.as_workflow action.yml > .venv/action-as-workflow.yml
	.venv/bin/actionlint .github/workflows/*.yml examples/*.yml .venv/action-as-workflow.yml

.venv/dev: requirements-dev.lock
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

.venv-train/done: requirements-train.txt Makefile
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/pip install -q --disable-pip-version-check -r requirements-train.txt
	.venv-train/bin/pip install -q --disable-pip-version-check --no-deps $(UNSLOTH)
	touch $@

# What the action installs, and what developers install.
lock:
	$(COMPILE) --extra serve -o requirements.lock
	$(COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv .venv-train
