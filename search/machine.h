/* What a rank finds on the machine it runs on, and what that means for a search: for `clade doctor`. Finding is here;
 * judging (clade_diagnose) is a function of what was found, so that a test can show it machines that it has not. */
#ifndef CLADE_MACHINE_H
#define CLADE_MACHINE_H

#include "clade/json.h"

enum { CLADE_MACHINE_CPUS = 1024 };

typedef struct clade_machine {
    int rank;
    char host[256];
    clade_text platform;                  /* JSON as clade_platform_print; owned */
    uint8_t cpus[CLADE_MACHINE_CPUS / 8]; /* bit i: this process may run on CPU i */
    size_t online;                        /* CPUs of the machine */
    double quota;                         /* CPUs' worth of time that a container gets; 0: no limit */
    int blas_threads;
    double memory, shared_memory, disk, temporary; /* bytes free; negative: unknown */
    double clock_ahead;                            /* seconds that its clock is ahead of rank 0's; NAN: not measured */
    bool answered;                                 /* false: it said nothing, and the rest is not known */
} clade_machine;

/* This machine. CLADE_EIO without memory. Free it with _fini, also after a failure. */
clade_status clade_machine_look(int rank, clade_machine *machine) CLADE_CHECK_RESULT;
void clade_machine_fini(clade_machine *machine);
/* One compact JSON object (all but clock_ahead), and back: CLADE_EINTERNAL for what is none, naming the rank. */
void clade_machine_print(const clade_machine *machine, clade_text *json);
clade_status clade_machine_parse(const char *text, size_t length, int rank, clade_machine *machine) CLADE_CHECK_RESULT;

/* CPUs that all ranks of the host of machine INDEX, together, may use; at least 1. */
double clade_machine_cores(const clade_machine *machines, size_t count, size_t index);

/* A sentence each: what is wrong, and what to do. */
typedef struct clade_findings {
    clade_text text; /* a line each; owned */
    size_t count;
    size_t fatal; /* of these: a search would fail */
} clade_findings;

void clade_finding(clade_findings *findings, bool fatal, const char *format, ...) CLADE_PRINTF(3, 4);

/* What is wrong with the machines of a job: (count), by rank; 1: a program without mpirun. NEED: bytes that a worker
 * takes for the experiment in question; 0: none is. Rank 0 of several coordinates, and takes no core. */
void clade_diagnose(const clade_machine *machines, size_t count, double need, clade_findings *findings);

#endif
