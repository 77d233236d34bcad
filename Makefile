# SPDX-License-Identifier: Apache-2.0
# Everything runs in .venv, which the first target that needs it creates. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.geo_perception_installed

# Shared libraries that the open3d wheel expects from the system, each with its Debian package.
SYSTEM_LIBRARIES := libusb-1.0.so.0:libusb-1.0-0 libGL.so.1:libgl1 libEGL.so.1:libegl1 libX11.so.6:libx11-6 \
  libidn2.so.0:libidn2-0 libgomp.so.1:libgomp1

# What runs from here stays on this machine, apart from other runs, and apart from a ROS installation that the
# calling shell may have sourced: two builds of rclpy in one process crash.
export AMENT_PREFIX_PATH := $(abspath $(VENV))
export RMW_IMPLEMENTATION := rmw_fastrtps_cpp
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export ROS_DOMAIN_ID := $(shell echo $$(( $$(od -An -N2 -tu2 /dev/urandom) % 101 + 1 )))
# The ROS wheels restart Python once with their LD_LIBRARY_PATH and leave a mark that it was done; both must go together.
unexport PYTHONPATH LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast fuzz lint docs bench lock clean distclean

help: ## list the targets
	@echo "geo_perception: metric depth from cameras and lidar on ROS 2"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo DATA=PATH             play a KITTI raw drive, object or stereo folder, or a bag"
	@echo "  make demo GRAPH=indoor_depth    rooms and one camera; DATA=PATH: images, RGB-D folder, video or bag"
	@echo "  make demo ARGS='--hfov 70'      further options; also for test, test-fast, fuzz and bench"

setup: $(STAMP) ## create .venv and install everything; the other targets do it when needed

demo: $(STAMP) ## run a node on simulated data, or on DATA=, and report accuracy and latency
	$(BIN)/geo-perception demo $(DATA) $(if $(GRAPH),--graph $(GRAPH)) $(ARGS)

test: lint ## lint, then run every test
	$(BIN)/python -m pytest $(ARGS)

test-fast: $(STAMP) ## run the unit tests: all that need no ROS and are not slow
	$(BIN)/python -m pytest -m "not ros and not slow" $(ARGS)

FUZZ_MINUTES ?= 20
fuzz: $(STAMP) ## feed random input to readers and options for FUZZ_MINUTES (20), or until one fails
	$(BIN)/python tools/fuzz.py --minutes $(FUZZ_MINUTES) $(ARGS)

lint: $(STAMP) ## check style, types, import directions and docs/nodes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/node_pages.py --check

docs: $(STAMP) ## write the tables in docs/nodes from the settings of the nodes
	$(BIN)/python tools/node_pages.py

bench: $(STAMP) ## time networks, pipelines and nodes, and print one table
	$(BIN)/python -m bench $(ARGS)

lock: $(STAMP) ## write the installed versions to constraints.txt
	$(BIN)/python tools/lock.py > constraints.tmp && mv constraints.tmp constraints.txt

clean: ## remove what builds and tests left behind; keeps .venv and out/
	rm -rf build install log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src training test bench -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## the same, and remove .venv
	rm -rf $(VENV)

$(STAMP): setup.py setup.cfg pyproject.toml package.xml constraints.txt
	@[ "$$(uname -m)" = x86_64 ] || { \
	  echo "ROS 2 Jazzy has wheels for x86_64 only, not for $$(uname -m): install ROS from apt on Ubuntu 24.04 or in a" \
	    "container (docker run -it ros:jazzy), then build with colcon as README.md says under 'On a robot'"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' || { \
	  echo "ROS 2 Jazzy has wheels for Python 3.10 to 3.12 only; choose one with: make PYTHON=python3.12 ..."; exit 2; }
	@missing=""; \
	for pair in $(SYSTEM_LIBRARIES); do \
	  PATH="$$PATH:/usr/sbin:/sbin" ldconfig -p | grep -qF "$${pair%%:*} " || missing="$$missing $${pair##*:}"; \
	done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	else echo "System libraries are missing; install them with: sudo apt-get install$$missing"; fi
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
	  echo "Python cannot make a virtual environment; install one with: sudo apt-get install python3-venv"; exit 2; }
	@echo "Installing into $(VENV); the first time takes a few minutes."
	$(BIN)/pip install --quiet -c constraints.txt -e '.[all]'
	@touch $@
