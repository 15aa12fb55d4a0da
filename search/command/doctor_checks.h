/* What `clade doctor DIR` and `clade doctor EXPERIMENT.json` look at besides the machines. */
#ifndef CLADE_DOCTOR_CHECKS_H
#define CLADE_DOCTOR_CHECKS_H

#include "search/machine.h"

/* Whether FOLDER can hold a run: it is there, is written to, locks, has room. Leaves nothing behind. */
void clade_doctor_folder(const char *folder, clade_findings *findings);

/* The member "ranks" of WRITER's open object: MACHINES (COUNT) as they are, null for what is not known. */
void clade_doctor_put_machines(const clade_machine *machines, size_t count, clade_json_writer *writer);

/* What a worker of an experiment takes, in bytes. */
typedef struct clade_appetite {
    double weights; /* of a child, as floats */
    double items;   /* that are kept, at most what "memory" allows */
    double cache;   /* of surveys, at most */
    double program; /* MPI, BLAS, the pass's workspace: a share of the weights and a constant */
    double parents; /* files of base and parents, which all workers of a host share */
} clade_appetite;

double clade_appetite_sum(const clade_appetite *appetite); /* of a worker: all but the parents */

/* An estimate, from the experiment, its parents and its probes, all of which are read as a search would read them. An
 * experiment of a closed form takes nothing. Fails as a search of it would. */
clade_status clade_doctor_experiment(const char *path, clade_appetite *appetite) CLADE_CHECK_RESULT;

#endif
