# Sourced by the shell tests of searches: a small experiment on a copy of the demo zoo, and what they all ask of a run.
# CLADE: the program; CLADE_SOURCE: the source folder.
set -euo pipefail
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none
# The same for Open MPI 5.
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export PRTE_MCA_hwloc_default_binding_policy=none
zoo=$CLADE_SOURCE/experiments/demo/zoo
[ -x "$CLADE" ] || { echo "skipped: $CLADE is not built"; exit 77; }
[ -d "$zoo" ] || { echo "skipped: $zoo is not there"; exit 77; }
. "$CLADE_SOURCE/tests/work_folder.sh"
# What a killed job leaves behind goes with the test.
export OMPI_MCA_btl_vader_backing_directory=$work OMPI_MCA_orte_tmpdir_base=$work

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# small_experiment CHILDREN [ITEMS [MORE [ALGORITHM [SITES]]]]: $work/experiment.json with two parents, ITEMS (16) items a task
# and 16 of holdout; MORE are further members ('"racing": true,'), ALGORITHM and SITES those of the experiment, as JSON.
small_experiment() {
    local items=${2:-16} more=${3:-} algorithm=${4:-'{ "name": "sms_emoa", "population": 6 }'} sites=${5:-'"depth:2"'}
    rm -rf "$work/zoo"
    cp -r "$zoo" "$work/zoo"
    chmod -R u+w "$work/zoo"
    sed -i -e 's/^     720$/     336/' "$work/zoo/probes.json"
    ! grep -q '^     720$' "$work/zoo/probes.json" && grep -q '^     336$' "$work/zoo/probes.json" ||
        fail "the demo's probes.json looks different; adapt tests/small_search.sh"
    cat > "$work/experiment.json" <<END
{ "clade": 1, "seed": 5, $more "base": "zoo/base", "parents": { "digits": "zoo/digits", "shapes": "zoo/shapes" },
  "probes": "zoo/probes.json", "space": { "methods": ["task_arithmetic", "ties"], "sites": $sites },
  "items": { "labelled": $items, "corrupted": $items, "unlabelled": $items },
  "algorithm": $algorithm, "budget": { "children": $1 }, "window": 4, "best_weights": false }
END
}

# The processes that have the run's folder, $run, in their command line.
processes() { pgrep -f -- "$run( |\$)" || true; }

# The evaluators of this test's searches: their command lines do not name the run.
evaluators() {
    local pid
    for pid in $(pgrep -f '^clade evaluator [0-9]+$'); do
        ! inherited "$pid" "CLADE_TEST_WORK=$work" || echo "$pid"
    done
}

# process_of RANK: of the run's job; nothing while it is not there (the guardian has the environment of rank 0, and is not it).
process_of() {
    local pid
    for pid in $(processes); do
        if inherited "$pid" "OMPI_COMM_WORLD_RANK=$1" && [ "$(cat "/proc/$pid/comm" 2> /dev/null)" != clade-guardian ]; then
            echo "$pid"
        fi
    done
}

# reaches N: the run has N children; false when $launcher, who makes them, ended before.
reaches() {
    local waited=0
    while [ "$(number children "$run" 2> /dev/null || echo 0)" -lt "$1" ]; do
        kill -0 $launcher 2> /dev/null || return 1
        waited=$((waited + 1))
        [ $waited -lt 600 ] || fail "${name:-}: no $1 children after a minute: $(cat "$work/log")"
        sleep 0.05
    done
}

# until_children N: the run has N children, and goes on.
until_children() { reaches "$1" || fail "${name:-}: the run ended too soon: $(cat "$work/log")"; }

# The run hash that `clade status` prints.
hash_of() {
    "$CLADE" status "$1" --json | sed -nE 's/.*"run_hash": *"([0-9a-f]{64})".*/\1/p'
}

# number FIELD RUN: a number out of `clade status --json`.
number() {
    "$CLADE" status "$2" --json | sed -nE "s/^  \"$1\": *([0-9.]+),?\$/\\1/p"
}

# contents RUN: all of a ledger that does not depend on when and where it was computed (sqlite3).
contents() {
    sqlite3 "$1/run.db" "SELECT * FROM children ORDER BY child; SELECT * FROM batches ORDER BY child;
        SELECT child, split, status, reason, score, images, same_as FROM evaluations ORDER BY child, split;
        SELECT name, split, status, reason, score, images FROM reference_scores ORDER BY name, split;
        SELECT * FROM commits ORDER BY child; SELECT child, images, hypervolume, front FROM series ORDER BY child;
        SELECT * FROM experiment; SELECT * FROM parents ORDER BY name; SELECT * FROM meta ORDER BY key;"
}
