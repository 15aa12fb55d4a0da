#!/usr/bin/env bash
# docs/methods.md is what its script prints from this program's registry. CLADE: the program; CLADE_SOURCE: the source folder.
set -euo pipefail
python=${PYTHON:-python3}
if ! command -v "$python" > /dev/null; then
    echo "skipped: there is no $python"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" "$CLADE_SOURCE/scripts/methods_table.py" "$CLADE" > "$work/methods.md"
if ! diff "$CLADE_SOURCE/docs/methods.md" "$work/methods.md"; then
    echo "FAILED: docs/methods.md is not that of the registry; run: scripts/methods_table.py $CLADE > docs/methods.md"
    exit 1
fi
echo "docs/methods.md says what the registry does"
