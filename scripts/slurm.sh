#!/usr/bin/env bash
# A cluster-wide search under Slurm. Submit from the folder of the experiment:
#   sbatch --nodes=4 --ntasks-per-node=16 scripts/slurm.sh experiment.json run-folder
# Two minutes before the time limit the job is told (USR1); everything that arrived is in the ledger, and the job puts itself back into
# the queue. Started again it resumes. A finished run is left alone.
#SBATCH --job-name=clade
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

experiment=$1
run=$2
clade=${CLADE:-clade}
export OPENBLAS_NUM_THREADS=1

if [ -e "$run/run.db" ]; then
    command=("$clade" resume "$run")
else
    command=("$clade" search "$experiment" --run "$run")
fi

# --signal=B: goes to this shell alone, so the search runs in the background and the signal is passed on. It starts mpirun itself, so that
# it goes on when workers die and its exit code is what it says.
"${command[@]}" --workers "$((${SLURM_NTASKS:?} - 1))" &
launcher=$!
interrupted=0
trap 'interrupted=1; kill -USR1 "$launcher" 2>/dev/null || true' USR1

status=0
wait "$launcher" || status=$?
while kill -0 "$launcher" 2>/dev/null; do # wait returns early when the trap runs
    status=0
    wait "$launcher" || status=$?
done
# Stopped (75), or told to before it could listen (138: ended by USR1); what failed by itself is not put back.
if [ "$interrupted" -eq 1 ] && { [ "$status" -eq 75 ] || [ "$status" -eq 138 ]; } && [ -n "${SLURM_JOB_ID:-}" ]; then
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
exit "$status"
