#!/bin/sh
# Run the tests that need a CUDA device, then the table of gradients and predictions on it, in under 8 minutes.
# The exit code is 1 if a test fails.
#
#     sh benchmarks/on_device.sh [cuda|cpu] [FOLDER]
#
# Results are written to FOLDER (default: device-results). With cpu everything runs at a small size, to check the script.
set -eu
device=${1:-cuda}
folder=${2:-device-results}
here=$(dirname "$0")
failed=0
mkdir -p "$folder"
if [ "$device" = cuda ]; then
    size="--sequences 16384 --rounds 5"
    tests="-q -rs -n0 -k cuda"
else
    size="--sequences 64 --rounds 1"
    tests="-q -n0 -k cuda"
fi
# shellcheck disable=SC2086
python -m pytest $tests tests/plugins/test_every_pair.py tests/plugins/test_saliency.py > "$folder/tests.txt" 2>&1 ||
    failed=1
tail -n 3 "$folder/tests.txt"
# shellcheck disable=SC2086
python "$here/gradients.py" --device "$device" $size --results "$folder/gradients.json"
exit "$failed"
