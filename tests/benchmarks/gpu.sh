#!/usr/bin/env bash
# On a machine with an accelerator, in six minutes at most, without a network: the tests of devices, part of the
# benchmark with fewer rounds, one notebook; then a table. What was measured is in tests/benchmarks/results/gpu.json.
#
#     tests/benchmarks/gpu.sh                      # with .venv/bin/python, else python3; PYTHON=... for another
#     VAE_DEVICE=cpu tests/benchmarks/gpu.sh       # a rehearsal; stored in build/
#
# A part that fails or for which no time is left is said so in the table, and the others go on.
set -u
cd "$(dirname "$0")/../.." || exit 1
SECONDS=0
LIMIT=${LIMIT:-350}
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-500}
mkdir -p build/gpu && rm -f build/gpu/*
STORE=$([ "${VAE_DEVICE:-}" = cpu ] && echo build/gpu/rehearsal.json || echo tests/benchmarks/results/gpu.json)
rows=() failed=0

part() { # name, seconds that are kept for the parts after it, command
  local name=$1 kept=$2 start=$SECONDS status left
  shift 2
  left=$((LIMIT - kept - SECONDS))
  if [ "$left" -lt 5 ]; then
    status=124
  else
    timeout "$left" "$@" >build/gpu/log 2>&1
    status=$?
  fi
  tail -n 40 build/gpu/log
  case $status in
    0 | 3) rows+=("| $name | $([ $status = 0 ] && echo passed || echo 'a target missed') | $((SECONDS - start)) |") ;;
    124) rows+=("| $name | **no time left** | $((SECONDS - start)) |") failed=1 ;;
    *) rows+=("| $name | **exit code $status**: $(tail -n 1 build/gpu/log) | $((SECONDS - start)) |") failed=1 ;;
  esac
}

"$PYTHON" -c 'from vae_helpers import load_images, pick_device as p; print("Device:", p()); load_images()' || exit 1
part "tests of devices" 250 "$PYTHON" -m pytest -q -p no:cacheprovider tests/test_device.py tests/test_accelerators.py \
  tests/training/test_loop.py
part "notebook 04" 150 "$PYTHON" -m nbconvert --to notebook --execute --ExecutePreprocessor.timeout=300 \
  --output-dir=build/gpu notebooks/04_first_vae.ipynb
for section in iwae nll ais sweep steps; do # the last one compiles, and may take what is left
  part "benchmark: $section" 0 "$PYTHON" -m tests.benchmarks.training --short --store "$STORE" "$section"
done

echo
printf '| part | result | seconds |\n|---|---|---|\n'
printf '%s\n' "${rows[@]}" "| all | | $SECONDS |"
echo
[ -e "$STORE" ] && "$PYTHON" -c 'import json, sys; from tests.benchmarks.training import table; print(table(json.load(open(sys.argv[1]))))' "$STORE"
exit $failed
