# The commands of the course. `make` alone lists them; README.md says more.
# Works with GNU make 3.81 and BSD tools, that is, on macOS as it comes.

PYTHON ?= python3
TESTS ?= tests notebooks
NB ?= *
NEED_GB ?= 8
ARGS ?=
IP ?= 127.0.0.1

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed
LOCK := $(VENV)/.lock
CODE := vae_helpers tests docs notebooks .jupyter

.DEFAULT_GOAL := help
.PHONY: help lab work progress test data notebooks seeds benchmark lint constraints clean \
  site editions decks handouts browser

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  make lab PYTHON=python3.12       with another Python (3.11 or newer)"
	@echo "  make test TESTS=tests            only some tests"
	@echo "  make notebooks NB=04_first_vae   only one notebook"

# A folder that was moved or copied runs its own package, not the one of the place where it was installed.
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

# OpenMP's threads spin while they wait for each other. By default they spin so long that one busy program beside
# a notebook makes training many times slower; 500 turns cost little on an idle machine. (docs/pages/speed.md)
ifeq ($(GOMP_SPINCOUNT)$(OMP_WAIT_POLICY),)
export GOMP_SPINCOUNT := 500
endif

# Jupyter keeps files of its own at home. Where it cannot write there, what make starts has its home in build/.
READ_ONLY := $(shell for path in .jupyter .ipython .local/share/jupyter/runtime Library/Jupyter/runtime; do \
  path="$$HOME/$$path"; until [ -e "$$path/" ]; do path="$${path%/*}"; done; \
  [ -w "$$path/" ] || { echo "$$path/"; break; }; done)
ifneq ($(READ_ONLY),)
export HOME := $(CURDIR)/build/home
endif

# --- to use the course ---

lab: $(READY) $(VENV)/.mnist-tried work ## set up what is missing, then open your copy of the course in JupyterLab
	@$(if $(READ_ONLY),echo "$(READ_ONLY) cannot be written to: Jupyter keeps its own files in build/home.";) \
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
	$(PY) -m jupyterlab --ServerApp.ip=$(IP) --ServerApp.root_dir=. -y \
	  --LabApp.default_url=/lab/tree/work/00_start_here.ipynb \
	  $$([ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser) \
	  $$([ "$$(id -u)" != 0 ] || echo --allow-root) $(ARGS)

work: $(READY) ## copy new notebooks into work/, where you write; your answers stay
	@$(PY) -m vae_helpers.course.work

progress: $(READY) work ## which exercises you have solved; from the first time on, `check` notes it
	@$(PY) -m vae_helpers.course.progress work $(ARGS)

data: $(READY) ## download MNIST and Fashion-MNIST into data/ (or $VAE_DATA_DIR)
	@$(PY) -m vae_helpers.data.download mnist fashion_mnist $(ARGS)

# --- to teach it: from the notebooks as they are stored ---

site: $(READY) ## the course as a web site that needs no network, into build/site
	@$(PY) -m docs.site $(ARGS)

editions: $(READY) ## student, instructor and core editions, into build/editions (ARGS=--execute runs them)
	@$(PY) -m docs.editions $(ARGS)

decks: $(READY) ## slides of every notebook and of a lecture of 90 minutes, into build/decks
	@$(PY) -m docs.decks $(ARGS)

handouts: $(READY) ## the slides as PDF, and two pages on each notebook (needs Chromium and Playwright)
	@$(PY) -m docs.handouts $(ARGS)

# --- to work on the course ---

test: $(READY) ## run every test and every notebook
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=900 $(TESTS) $(ARGS)

browser: $(READY) ## look at site, slides and JupyterLab as a reader does (needs Chromium)
	@$(PY) -c 'import playwright' 2>/dev/null || $(PY) -m pip install -c constraints.txt -e '.[dev,docs,browser]'
	@$(PY) -m pytest -q tests/browser $(ARGS)

notebooks: $(READY) ## execute every notebook and store its outputs
	@for path in notebooks/$(NB).ipynb; do \
	  $(PY) -m nbconvert --to notebook --execute --output-dir=build/notebooks \
	    --ExecutePreprocessor.kernel_name=python3 --ExecutePreprocessor.timeout=900 \
	    --ExecutePreprocessor.record_timing=False \
	    --NotebookExporter.preprocessors=tests.stored.DropProgressBars \
	    --NotebookExporter.preprocessors=tests.stored.StableWidgets \
	    "$$path" && mv "build/$$path" "$$path" || exit 1; \
	done

seeds: $(READY) ## run every notebook under seeds that nobody has tried: do its claims hold? (ARGS="--fresh 10")
	@$(PY) -m tests.seeds '$(NB)' $(ARGS)

benchmark: $(READY) ## how fast is it? An hour with nothing else running; writes tests/benchmarks/results and docs/pages/speed.md
	@$(PY) -m tests.benchmarks.course && $(PY) -m tests.benchmarks.training

lint: $(READY) ## check the style of package, tests and notebooks
	@$(PY) -m ruff check $(CODE) && $(PY) -m ruff format --check $(CODE)

constraints: ## renew constraints.txt (needs uv; ARGS=--upgrade for newer versions)
	uv pip compile --universal --all-extras --no-header --no-annotate --no-emit-index-url \
	  --no-emit-find-links --output-file constraints.txt $(ARGS) pyproject.toml

clean: ## remove .venv and caches; keep the downloaded data
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis data/strokes-*.pt data/.strokes-*

# --- set-up ---
# `.installing` becomes `.installed` when the installation came to its end. An environment in which it was
# interrupted, whose Python is gone, or in which a package is missing, is not trusted but made anew.

# Found, not imported: a tenth of a second. (pip does not notice that a package's folder is gone.)
PACKAGES := torch torchvision numpy scipy matplotlib seaborn jupyterlab ipykernel ipywidgets tqdm \
  sklearn constriction pip pytest xdist nbval nbconvert hypothesis ruff yaml \
  zuko vector_quantize_pytorch sphinx myst_nb sphinx_book_theme pybtex mistune pygments \
  nbdime pre_commit jsonschema psutil
MISSING := { $(PY) -I -c 'from importlib.util import find_spec as find; \
  print(*[name for name in "$(PACKAGES)".split() if not getattr(find(name), "origin", None)])' 2>/dev/null || echo Python; }

ifneq ($(strip $(shell $(MISSING))),)
.PHONY: $(READY)
endif

# One make at a time: the lock is a link that names the shell which installs. If that is gone, so is its lock;
# `.lock.old` sees to it that only one of those who wait takes it away.
define TAKE_LOCK
until mkdir -p $(VENV) && ln -s $$$$ $(LOCK) 2>/dev/null; do \
  [ -w $(VENV) ] || { echo "$(VENV) cannot be written to." >&2; exit 1; }; \
  other=$$(readlink $(LOCK)) || continue; \
  if [ $$other != $$$$ ] && { kill -0 $$other 2>/dev/null || ps -p $$other >/dev/null 2>&1; }; then \
    [ "$$told" ] || echo "Process $$other is installing into $(VENV): waiting for it. (If it is not, rm $(LOCK))"; \
    told=1; sleep 1; \
  elif mkdir $(LOCK).old 2>/dev/null; then \
    [ "$$(readlink $(LOCK))" != $$other ] || rm -f $(LOCK); \
    rmdir $(LOCK).old; \
  fi; \
done; \
trap 'rm -f $(LOCK); rmdir $(VENV) 2>/dev/null' EXIT; trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
endef

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. The course needs Python 3.11 or newer: make lab PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python %d.%d, and the course needs 3.11 or newer. Choose another: make lab PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module. On Debian and Ubuntu: sudo apt install $(notdir $(PYTHON))-venv" >&2; exit 1; }
	@$(TAKE_LOCK); \
	missing=$$($(MISSING)); \
	if [ -z "$$missing" ] && [ $(READY) -nt pyproject.toml ] && [ $(READY) -nt constraints.txt ]; then exit 0; fi; \
	if [ "$$missing" ] && [ -e $(READY) ]; then \
	  echo "$(VENV) is damaged (missing: $$missing) and is made anew."; mv $(READY) $(VENV)/.installing; \
	fi; \
	if [ -e $(VENV)/.installing ] || ! $(PY) -I -m pip --version >/dev/null 2>&1; then \
	  find $(VENV)/. -mindepth 1 -maxdepth 1 ! -name .lock ! -name .installing -exec rm -rf {} +; \
	  free=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1048576)}'); \
	  [ "$$free" -ge $(NEED_GB) ] || { echo "Only $$free GB are free here, and PyTorch with all that it brings needs about $(NEED_GB) GB. (To try all the same: make lab NEED_GB=0)" >&2; exit 1; }; \
	  $(PYTHON) -m venv $(VENV) || exit 1; \
	fi; \
	echo "Installing into $(VENV): up to 6 GB, some minutes the first time ..."; \
	rm -f $(READY); touch $(VENV)/.installing; \
	$(PY) -I -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]' \
	|| { rm -f $(VENV)/.installing; echo "The installation did not succeed; pip says above why." >&2; exit 1; }; \
	missing=$$($(MISSING)); [ -z "$$missing" ] \
	|| { echo "pip has come to its end, and $$missing is missing all the same. Try again; then please report it." >&2; exit 1; }; \
	mv $(VENV)/.installing $(READY)

# Once for each environment, so that a blocked network costs its 20 seconds only once.
$(VENV)/.mnist-tried: | $(READY)
	@$(PY) -m vae_helpers.data.download mnist --try --timeout 20
	@touch $@
