/* The front of a run, read from its ledger alone: so that every report, the files at the end and a look at a running
 * search agree, and no model or probe need be there. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/front_tasks.h"
#include "search/pareto.h"
#include "search/subject_merge.h"

enum { NAME_BYTES = 512 };

/* What reading needs besides the front itself. */
typedef struct reader {
    clade_ledger *ledger;
    const clade_experiment *experiment;
    const clade_probes *probes;
    clade_score_plan plans[CLADE_SPLITS]; /* of search and holdout */
    double *retention[CLADE_SPLITS];      /* (n_tasks), owned */
    clade_archive archive;
} reader;

static clade_status open_reader(reader *self, const char *run_folder, clade_front *front)
{
    static const clade_split splits[] = {CLADE_SEARCH, CLADE_HOLDOUT};
    CLADE_TRY(clade_run_ledger(run_folder, &self->ledger));
    CLADE_TRY(clade_ledger_experiment(self->ledger, run_folder, &front->experiment));
    self->experiment = front->experiment;
    self->archive.n_objectives = front->experiment->n_objectives;
    clade_status status = clade_run_tasks(self->ledger, front->experiment, run_folder, &front->probes);
    self->probes = front->probes;
    for (size_t i = 0; status == CLADE_OK && i < sizeof splits / sizeof *splits; i++) {
        const clade_split split = splits[i];
        self->plans[split] = clade_plan_of(self->experiment, split);
        self->retention[split] = clade_calloc(self->probes->n_tasks, sizeof(double));
        if (!self->retention[split])
            return clade_fail_memory(self->probes->n_tasks * sizeof(double), "the front");
        status = clade_read_retention(self->ledger, self->experiment, self->probes, split, self->retention[split]);
    }
    return status;
}

static void close_reader(reader *self)
{
    clade_ledger_close(self->ledger);
    for (size_t split = 0; split < CLADE_SPLITS; split++)
        clade_free(self->retention[split]);
    clade_archive_fini(&self->archive);
}

/* All commits into the archive; the count and hash of the last one. */
static clade_status read_commits(reader *self, clade_front *front)
{
    clade_commit_row row;
    for (bool found = true; found;) {
        double minimised[CLADE_MAX_OBJECTIVES];
        bool entered = false;
        CLADE_TRY(clade_ledger_get_commit(self->ledger, front->committed, &row, &found));
        if (!found)
            break;
        if (row.n_objectives != self->experiment->n_objectives)
            return clade_fail(CLADE_EINPUT, "ledger: commit of child %llu: found %zu objectives, expected %zu",
                              (unsigned long long)row.child, row.n_objectives, self->experiment->n_objectives);
        memcpy(front->run_hash, row.hash, sizeof front->run_hash);
        front->committed++;
        clade_flip_objectives(self->experiment, row.objectives, minimised);
        if (!row.failed && !row.incomplete)
            CLADE_TRY(clade_archive_add(&self->archive, row.child, minimised, &entered));
    }
    return CLADE_OK;
}

/* The stored score, if it is one, and from it every objective there is; NAN where unknown. */
static clade_status read_score(const reader *self, clade_split split, const clade_evaluation_row *row, bool found,
                               clade_score *score, double **values)
{
    size_t count = 0;
    const clade_objective *const *objectives = clade_objectives(&count);
    *values = clade_calloc(count, sizeof **values);
    if (!*values)
        return clade_fail_memory(count * sizeof **values, "the front");
    const bool scored = found && row->status == CLADE_OK;
    if (scored)
        CLADE_TRY(clade_score_parse(clade_text_get(&row->score), row->score.length, self->probes, &self->plans[split],
                                    score));
    for (size_t i = 0; i < count; i++)
        (*values)[i] = scored ? objectives[i]->value(score, self->retention[split]) : NAN;
    return CLADE_OK;
}

static void unknown_certainty(clade_certainty *certainty)
{
    for (size_t i = 0; i < CLADE_MEASURES; i++)
        certainty[i] = (clade_certainty){{NAN, NAN}, {NAN, NAN}};
}

static clade_status read_member(const reader *self, uint64_t child, clade_member *member)
{
    clade_child_row bred = {0};
    clade_evaluation_row row = {0};
    bool found = false;
    member->child = child;
    unknown_certainty(member->certainty);
    clade_status status = clade_ledger_get_child(self->ledger, child, &bred, &found);
    if (status == CLADE_OK && !found)
        status = clade_fail(CLADE_EINPUT, "ledger: child %llu is committed and has no row", (unsigned long long)child);
    memcpy(member->method, bred.method, sizeof member->method);
    memcpy(member->operator_name, bred.operator_name, sizeof member->operator_name);
    memcpy(member->recipe_hash, bred.recipe_hash, sizeof member->recipe_hash);
    if (status == CLADE_OK)
        status = clade_ledger_get_evaluation(self->ledger, child, CLADE_SEARCH, &row, &found);
    if (status == CLADE_OK)
        status = read_score(self, CLADE_SEARCH, &row, found, &member->search, &member->search_objectives);
    if (status == CLADE_OK)
        status = clade_ledger_get_evaluation(self->ledger, child, CLADE_HOLDOUT, &row, &found);
    if (status == CLADE_OK)
        status = read_score(self, CLADE_HOLDOUT, &row, found, &member->holdout, &member->holdout_objectives);
    clade_child_row_fini(&bred);
    clade_evaluation_row_fini(&row);
    return status;
}

static clade_status read_members(const reader *self, clade_front *front)
{
    front->members = clade_calloc(self->archive.count + 1, sizeof *front->members);
    if (!front->members)
        return clade_fail_memory((self->archive.count + 1) * sizeof *front->members, "the front");
    for (size_t i = 0; i < self->archive.count; i++) {
        front->n_members++;
        CLADE_TRY(read_member(self, self->archive.children[i], &front->members[i]));
    }
    return CLADE_OK;
}

/* One that is in the ledger's table of references, or (NAME NULL) the hand-made CHILD. */
static clade_status read_reference(const reader *self, const char *name, uint64_t child, clade_reference *reference)
{
    clade_evaluation_row row = {0};
    clade_child_row bred = {0};
    bool found = false;
    clade_status status = CLADE_OK;
    unknown_certainty(reference->certainty);
    if (!name)
        status = clade_ledger_get_child(self->ledger, child, &bred, &found);
    reference->name = clade_strdup(name ? name : bred.operator_name);
    if (!reference->name)
        status = clade_fail_memory(sizeof bred.operator_name, "the front");
    if (status == CLADE_OK)
        status = name ? clade_ledger_get_reference(self->ledger, name, CLADE_SEARCH, &row, &found)
                      : clade_ledger_get_evaluation(self->ledger, child, CLADE_SEARCH, &row, &found);
    if (status == CLADE_OK)
        status = read_score(self, CLADE_SEARCH, &row, found, &reference->search, &reference->search_objectives);
    if (status == CLADE_OK)
        status = name ? clade_ledger_get_reference(self->ledger, name, CLADE_HOLDOUT, &row, &found)
                      : clade_ledger_get_evaluation(self->ledger, child, CLADE_HOLDOUT, &row, &found);
    if (status == CLADE_OK)
        status = read_score(self, CLADE_HOLDOUT, &row, found, &reference->holdout, &reference->holdout_objectives);
    clade_evaluation_row_fini(&row);
    clade_child_row_fini(&bred);
    return status;
}

static clade_status read_references(const reader *self, clade_front *front)
{
    char name[NAME_BYTES];
    uint64_t child = 0;
    bool found = false;
    front->references = clade_calloc(self->experiment->n_parents + 3, sizeof *front->references);
    if (!front->references)
        return clade_fail_memory((self->experiment->n_parents + 3) * sizeof *front->references, "the front");
    for (size_t r = 0; clade_reference_name(self->experiment, r, name, sizeof name); r++)
        CLADE_TRY(read_reference(self, name, 0, &front->references[front->n_references++]));
    CLADE_TRY(clade_best_hand_made(self->ledger, self->experiment, &child, &found));
    return found ? read_reference(self, NULL, child, &front->references[front->n_references++]) : CLADE_OK;
}

static void free_member(clade_member *member)
{
    clade_score_fini(&member->search);
    clade_score_fini(&member->holdout);
    clade_free(member->search_objectives);
    clade_free(member->holdout_objectives);
}

/* The searched objectives of a member on holdout, minimised; false when one is unknown. */
static bool holdout_point(const clade_experiment *experiment, const clade_member *member, double *point)
{
    size_t count = 0;
    const clade_objective *const *objectives = clade_objectives(&count);
    bool known = true;
    for (size_t k = 0; k < experiment->n_objectives; k++)
        for (size_t i = 0; i < count; i++)
            if (objectives[i] == experiment->objectives[k])
                point[k] = member->holdout_objectives[i];
    for (size_t k = 0; k < experiment->n_objectives; k++)
        known = known && isfinite(point[k]);
    clade_flip_objectives(experiment, point, point);
    return known;
}

static clade_status mark_holdout(const reader *self, clade_front *front)
{
    const size_t m = self->experiment->n_objectives, n = front->n_members;
    double *points = clade_calloc(n * m + 1, sizeof *points);
    if (!points)
        return clade_fail_memory((n * m + 1) * sizeof *points, "the front");
    for (size_t i = 0; i < n; i++) {
        clade_member *member = &front->members[i];
        member->on_holdout_front = holdout_point(self->experiment, member, points + i * m);
        for (size_t k = 0; !member->on_holdout_front && k < m; k++)
            points[i * m + k] = INFINITY; /* dominates nothing */
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n && front->members[i].on_holdout_front; j++)
            front->members[i].on_holdout_front = !clade_dominates(points + j * m, points + i * m, m);
    clade_free(points);
    return CLADE_OK;
}

static void keep_holdout(reader *self, clade_front *front)
{
    const size_t n = front->n_members;
    front->n_members = 0;
    for (size_t i = 0; i < n; i++) {
        if (front->members[i].on_holdout_front) {
            front->members[front->n_members++] = front->members[i];
        } else {
            clade_archive_remove(&self->archive, front->n_members);
            free_member(&front->members[i]);
        }
    }
}

/* How many items the holdout splits have: what the first score on them says, since all are of all items. */
static void measure_holdout(clade_front *front)
{
    const clade_score *score = NULL;
    for (size_t i = 0; !score && i < front->n_members; i++)
        score = front->members[i].holdout.n_tasks > 0 ? &front->members[i].holdout : NULL;
    for (size_t r = 0; !score && r < front->n_references; r++)
        score = front->references[r].holdout.n_tasks > 0 ? &front->references[r].holdout : NULL;
    for (size_t t = 0; score && t < front->probes->n_tasks; t++) {
        const clade_task_score *task = &score->tasks[t];
        const bool answered = task->clean.items <= task->n_correct; /* a number alone is somebody's word */
        front->probes->tasks[t].splits[CLADE_HOLDOUT] = (clade_range){0, answered ? task->clean.items : 0};
    }
}

clade_status clade_front_read(const char *run_folder, clade_split split, clade_front *front)
{
    reader self = {0};
    *front = (clade_front){0};
    memset(front->run_hash, '0', CLADE_SHA256_HEX - 1);
    clade_status status = open_reader(&self, run_folder, front);
    if (status == CLADE_OK)
        status = read_commits(&self, front);
    if (status == CLADE_OK) {
        clade_archive_sort(&self.archive);
        status = read_members(&self, front);
    }
    if (status == CLADE_OK)
        status = read_references(&self, front);
    if (status == CLADE_OK)
        measure_holdout(front);
    if (status == CLADE_OK)
        status = clade_guard_get(self.ledger, &front->hurt, &front->entropy_hurts);
    if (status == CLADE_OK)
        status = mark_holdout(&self, front);
    if (status == CLADE_OK && split == CLADE_HOLDOUT)
        keep_holdout(&self, front);
    if (status == CLADE_OK)
        front->best = clade_archive_best(&self.archive, front->experiment, front->experiment->best);
    close_reader(&self);
    if (status != CLADE_OK)
        clade_front_fini(front);
    return status;
}

void clade_front_fini(clade_front *front)
{
    for (size_t i = 0; i < front->n_members; i++)
        free_member(&front->members[i]);
    for (size_t i = 0; i < front->n_references; i++) {
        clade_reference *reference = &front->references[i];
        clade_free(reference->name);
        clade_score_fini(&reference->search);
        clade_score_fini(&reference->holdout);
        clade_free(reference->search_objectives);
        clade_free(reference->holdout_objectives);
    }
    clade_free(front->members);
    clade_free(front->references);
    clade_free(front->against);
    clade_probes_free(front->probes);
    clade_experiment_free(front->experiment);
    *front = (clade_front){0};
}

clade_status clade_run_best(const char *run_folder, uint64_t *child)
{
    clade_front front = {0};
    clade_status status = clade_front_read(run_folder, CLADE_SEARCH, &front);
    if (status == CLADE_OK && front.n_members == 0)
        status = clade_fail(CLADE_EUSAGE, "%s: the run has no front yet", run_folder);
    if (status == CLADE_OK)
        *child = front.members[front.best].child;
    clade_front_fini(&front);
    return status;
}
