# Short names for isonox's verbs. `make ci` and `make test` are all that a fresh clone needs:
# they first make a private environment in .isonox/env from uv.lock, and do nothing more when it is current.

PYTHON ?= python3
ENV := .isonox/env
STAMP := $(ENV)/.bootstrapped
ISONOX := $(ENV)/bin/isonox

.PHONY: help ci plan lint types test coverage security format docs build doctor workflows verify hooks clean

help:  ## list the short names
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

ci: $(STAMP)  ## run the whole pipeline, as CI does
	@$(ISONOX) ci $(ARGS)

plan: $(STAMP)  ## show what `make ci` would run, and why
	@$(ISONOX) plan $(ARGS)

lint types test coverage security format docs build doctor workflows verify: $(STAMP)
	@$(ISONOX) $@ $(ARGS)

lint:  ## check style, imports and layers
types:  ## check types on every Python
test:  ## run the tests on every Python
coverage:  ## run the tests and check their coverage
security:  ## check code, secrets and workflows
format:  ## fix formatting and import order
docs:  ## build the documentation strictly
build:  ## build sdist and wheel, install and import the wheel
doctor:  ## say what here differs from CI
workflows:  ## write the GitHub workflows
verify:  ## prove the gate of the GitHub workflow

hooks: $(STAMP)  ## install the git hooks
	@$(ENV)/bin/pre-commit install

clean:  ## remove environments and results
	@rm -rf .isonox .nox

# The environment is made anew when the lock, the project or the recipe changes.
$(STAMP): uv.lock pyproject.toml bootstrap.sh
	@PYTHON='$(PYTHON)' sh bootstrap.sh $(ENV) --group ci

uv.lock:
	@printf 'error: there is no uv.lock\nhint: write it with: uv lock\n' >&2; exit 2
