/* One child's way through the coordinator: bred, checked against the ledger, settled, committed.
 *
 * The same code runs a fresh search and a replay: what the ledger has is compared and used, what it lacks is written.
 * So a resumed run cannot differ from an uninterrupted one without being noticed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/log.h"
#include "search/engine_state.h"

static clade_slot *slot_of(const clade_engine *engine, uint64_t child)
{
    return &engine->slots[child % engine->experiment->window];
}

/* The ledger is not what this program would have written. */
static clade_status mismatch(uint64_t child, const char *what, const char *found, const char *expected)
{
    return clade_fail(
        CLADE_EINPUT,
        "ledger: child %llu: %s: found %.200s, expected %.200s; the ledger was written by another version "
        "of Clade or on another platform",
        (unsigned long long)child, what, found, expected);
}

/* ---- asking ---- */

static void print_vector(const double *genome, size_t count, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, false);
    clade_json_begin_array(&writer, NULL);
    for (size_t i = 0; i < count; i++)
        clade_json_put_number(&writer, NULL, genome[i]);
    clade_json_end_array(&writer);
}

/* The active genes by name, as ROW's vector has them: printing numbers is most of what breeding costs. */
static void print_genes(const clade_space *space, const double *genome, clade_child_row *row)
{
    clade_json_writer writer = clade_json_writer_to(&row->genome, false);
    const char *number = clade_text_get(&row->vector) + 1;
    clade_json_begin_object(&writer, NULL);
    for (size_t i = 0; i < space->n_genes; i++) {
        char digits[40];
        const size_t length = strcspn(number, ",]");
        snprintf(digits, sizeof digits, "%.*s", (int)length, number);
        number += length + 1;
        if (i == 0 && space->has_category)
            clade_json_put_string(&writer, space->genes[i].name, row->method);
        else if (clade_gene_active(space, genome, i))
            clade_json_put_raw(&writer, space->genes[i].name, digits);
    }
    clade_json_end_object(&writer);
}

/* What changed with the child that is bred now, unless an earlier session said so. */
static clade_status record_event(clade_engine *engine, const char *what)
{
    char detail[CLADE_EVENT + 64];
    bool found = false;
    snprintf(detail, sizeof detail, "{\"child\":%llu,\"what\":\"%s\"}", (unsigned long long)engine->asked, what);
    clade_child_row row = {0};
    clade_status status = clade_ledger_get_child(engine->ledger, engine->asked, &row, &found);
    clade_child_row_fini(&row);
    return status == CLADE_OK && !found ? clade_ledger_put_event(engine->ledger, "search", detail) : status;
}

/* Breed child number `asked` into ROW and its slot's genome. */
static clade_status breed(clade_engine *engine, clade_slot *slot, clade_child_row *row)
{
    const clade_subject *subject = engine->subject;
    clade_proposal proposal = {.genome = slot->genome};
    row->child = engine->asked;
    clade_status status = clade_levels_ask(engine->levels, engine->asked, &proposal);
    if (status == CLADE_OK) {
        print_vector(slot->genome, engine->space->n_genes, &row->vector);
        status = clade_text_status(&row->vector);
    }
    if (status == CLADE_OK)
        status = subject->kind->describe(subject->state, slot->genome, row);
    if (status == CLADE_OK) {
        print_genes(engine->space, slot->genome, row);
        snprintf(row->operator_name, sizeof row->operator_name, "%s", proposal.operator_name);
        row->n_parents = proposal.n_parents;
        memcpy(row->parents, proposal.parents, proposal.n_parents * sizeof row->parents[0]);
        slot->batch = row->batch = proposal.batch;
        slot->items = row->items = proposal.items;
        clade_outcome_fini(&slot->outcome);
        slot->outcome.cost = 1; /* of a child that fails: not known */
        status = clade_text_status(&row->genome);
    }
    if (status == CLADE_OK && proposal.event[0] != '\0')
        status = record_event(engine, proposal.event);
    return status == CLADE_OK ? status : clade_fail_prefix(status, "child %llu", (unsigned long long)engine->asked);
}

/* Write the row, or compare it with the one that is there. */
static clade_status record(clade_engine *engine, const clade_child_row *row)
{
    clade_child_row old = {0};
    bool found = false;
    clade_status status = clade_ledger_get_child(engine->ledger, row->child, &old, &found);
    if (status == CLADE_OK && !found)
        status = clade_ledger_put_child(engine->ledger, row);
    else if (status == CLADE_OK && strcmp(old.recipe_hash, row->recipe_hash) != 0)
        status = mismatch(row->child, "recipe hash", old.recipe_hash, row->recipe_hash);
    else if (status == CLADE_OK && strcmp(clade_text_get(&old.vector), clade_text_get(&row->vector)) != 0)
        status = mismatch(row->child, "genome", clade_text_get(&old.vector), clade_text_get(&row->vector));
    clade_child_row_fini(&old);
    return status;
}

/* What the slot's result says, of a child that was evaluated. An objective that is not finite makes the evaluation a
 * failure. */
static clade_status settle(clade_engine *engine, clade_slot *slot)
{
    const clade_experiment *experiment = engine->experiment;
    const clade_text *text = &slot->result.score;
    if (slot->result.status != CLADE_OK)
        return CLADE_OK;
    CLADE_TRY(engine->subject->kind->read(engine->subject->state, clade_text_get(text), text->length, &slot->outcome));
    if (engine->n_correct > 0 && slot->outcome.n_correct != engine->n_correct)
        return clade_fail(CLADE_EINPUT, "score: found %zu labelled items, expected %zu as in the scores before",
                          slot->outcome.n_correct, engine->n_correct);
    engine->n_correct = slot->outcome.n_correct;
    for (size_t i = 0; i < experiment->n_objectives; i++) {
        if (isfinite(slot->outcome.objectives[i]) || slot->result.status != CLADE_OK)
            continue;
        slot->result.status = CLADE_EEVAL;
        clade_text_append(&slot->result.reason, "objective %s is not finite", experiment->objectives[i]->name);
    }
    return clade_text_status(&slot->result.reason);
}

/* The same of a result as the ledger has it. */
static clade_status settle_stored(clade_engine *engine, clade_slot *slot)
{
    const clade_status status = settle(engine, slot);
    return status == CLADE_OK ? status
                              : clade_fail_prefix(status, "ledger: child %llu", (unsigned long long)slot->result.child);
}

clade_status clade_engine_ask(clade_engine *engine)
{
    clade_slot *slot = slot_of(engine, engine->asked);
    clade_child_row row = {0};
    bool found = false;
    uint64_t same = 0;
    clade_status status = breed(engine, slot, &row);
    if (status == CLADE_OK)
        status = record(engine, &row);
    if (status == CLADE_OK)
        status = clade_ledger_get_evaluation(engine->ledger, row.child, CLADE_SEARCH, &slot->result, &found);
    if (status == CLADE_OK && found) {
        slot->state = CLADE_SLOT_SETTLED;
        status = settle_stored(engine, slot);
    } else if (status == CLADE_OK) {
        if (slot->batch == 0) /* fresh items are a fresh evaluation */
            status = clade_ledger_find_recipe(engine->ledger, row.recipe_hash, row.child, &same, &found);
        slot->state = found ? CLADE_SLOT_COPY : CLADE_SLOT_NEW;
        slot->result.same_as = found ? (int64_t)same : -1;
        if (status == CLADE_OK && !found && slot->batch == 0)
            status = clade_engine_race(engine, &slot->race);
    }
    memcpy(slot->recipe_hash, row.recipe_hash, sizeof slot->recipe_hash);
    clade_text_free(&slot->recipe);
    slot->recipe = row.recipe; /* moved */
    row.recipe = (clade_text){0};
    clade_child_row_fini(&row);
    engine->asked += status == CLADE_OK;
    return status;
}

/* ---- results ---- */

/* What came as the score of the slot's child cannot be read, for the reason that is the last failure: *AGAIN, it is
 * scored once more, or the child has failed. */
static clade_status reject(clade_engine *engine, clade_slot *slot, bool *again)
{
    clade_pool_result final;
    clade_text reason = {0};
    clade_text_append(&reason, "%s", clade_error_message());
    clade_status status = clade_text_status(&reason);
    if (status == CLADE_OK)
        status = clade_pool_reject(engine->pool, clade_text_get(&reason), &final, again);
    clade_text_free(&reason);
    CLADE_TRY(status);
    clade_outcome_fini(&slot->outcome);
    slot->outcome.cost = 1; /* as of a child that fails */
    return *again ? CLADE_OK : clade_take_result(&final, &slot->result);
}

clade_status clade_engine_arrive(clade_engine *engine, clade_pool_result *result)
{
    clade_slot *slot = slot_of(engine, result->job);
    if (result->job < engine->committed || result->job >= engine->asked || slot->state != CLADE_SLOT_WAITING) {
        clade_text_free(&result->bytes);
        return clade_fail(CLADE_EINTERNAL, "pool: a result of child %llu, which is not in flight",
                          (unsigned long long)result->job);
    }
    const uint64_t child = result->job;
    bool again = false;
    clade_status status = clade_take_result(result, &slot->result);
    if (status == CLADE_OK)
        status = settle(engine, slot);
    if (status != CLADE_OK && status != CLADE_EIO) /* which is a lack of memory here */
        status = reject(engine, slot, &again);
    if (status == CLADE_OK &&
        slot->result.status == CLADE_EINPUT) /* twice, and what else is scored may be wrong, too */
        status = clade_fail(CLADE_EINPUT, "%s", clade_text_get(&slot->result.reason));
    if (status != CLADE_OK)
        return clade_fail_prefix(status, "child %llu", (unsigned long long)child);
    slot->result.child = child;
    slot->result.split = CLADE_SEARCH;
    slot->result.images = slot->outcome.images;
    slot->state = again ? CLADE_SLOT_WAITING : CLADE_SLOT_ARRIVED;
    if (!again)
        engine->arrived[engine->n_arrived++] = child;
    return CLADE_OK;
}

/* The result of a child whose recipe an earlier one had. That one is committed: it comes before in the order. */
static clade_status copy_result(clade_engine *engine, clade_slot *slot)
{
    const int64_t same = slot->result.same_as;
    bool found = false;
    CLADE_TRY(clade_ledger_get_evaluation(engine->ledger, (uint64_t)same, CLADE_SEARCH, &slot->result, &found));
    if (!found)
        return clade_fail(CLADE_EINPUT, "ledger: child %lld is committed and has no evaluation", (long long)same);
    slot->result.child = engine->committed;
    slot->result.same_as = same;
    slot->result.images = 0;
    slot->result.seconds = 0.0;
    slot->result.rank = 0;
    CLADE_TRY(clade_ledger_put_evaluation(engine->ledger, &slot->result));
    slot->state = CLADE_SLOT_SETTLED;
    return settle_stored(engine, slot);
}

/* ---- committing ---- */

bool clade_engine_may_commit(const clade_engine *engine)
{
    if (engine->committed == engine->asked)
        return false;
    const clade_slot_state state = slot_of(engine, engine->committed)->state;
    return state == CLADE_SLOT_SETTLED || state == CLADE_SLOT_COPY;
}

/* H_i = SHA-256(H_(i-1), recipe hash, objectives), as lines of text, and "incomplete" where the objectives are
 * estimates; H_(-1) is 64 zeros. */
static clade_status chain(const clade_engine *engine, const clade_slot *slot, clade_commit_row *row)
{
    clade_text text = {0};
    clade_sha256 hash;
    clade_text_append(&text, "%s\n%s\n", engine->run_hash, slot->recipe_hash);
    for (size_t i = 0; i < row->n_objectives; i++) {
        if (row->failed)
            clade_text_append(&text, "failed\n");
        else
            clade_text_append(&text, "%.17g\n", row->objectives[i]);
    }
    if (row->incomplete)
        clade_text_append(&text, "incomplete\n");
    clade_status status = clade_text_status(&text);
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, clade_text_get(&text), text.length);
    clade_sha256_hex(&hash, row->hash);
    clade_text_free(&text);
    return status;
}

static clade_status record_commit(clade_engine *engine, const clade_commit_row *row, bool *known)
{
    clade_commit_row old;
    CLADE_TRY(clade_ledger_get_commit(engine->ledger, row->child, &old, known));
    if (!*known)
        return clade_ledger_put_commit(engine->ledger, row);
    return strcmp(old.hash, row->hash) == 0 ? CLADE_OK : mismatch(row->child, "commit", old.hash, row->hash);
}

static clade_status count_failure(clade_engine *engine, const clade_slot *slot)
{
    if (engine->failed++ == 0)
        clade_text_append(&engine->first_failure, "%s", clade_text_get(&slot->result.reason));
    return clade_text_status(&engine->first_failure);
}

clade_status clade_engine_commit(clade_engine *engine)
{
    const clade_experiment *experiment = engine->experiment;
    clade_slot *slot = slot_of(engine, engine->committed);
    if (slot->state == CLADE_SLOT_COPY)
        CLADE_TRY(copy_result(engine, slot));
    clade_commit_row row = {.child = engine->committed,
                            .failed = slot->result.status != CLADE_OK,
                            .incomplete = slot->result.status == CLADE_OK && !slot->outcome.complete,
                            .n_objectives = experiment->n_objectives};
    double minimised[CLADE_MAX_OBJECTIVES] = {0.0};
    bool known = false, entered = false;
    for (size_t i = 0; i < row.n_objectives; i++)
        row.objectives[i] = row.failed ? NAN : slot->outcome.objectives[i];
    CLADE_TRY(chain(engine, slot, &row));
    CLADE_TRY(record_commit(engine, &row, &known));
    clade_flip_objectives(experiment, row.objectives, minimised);
    const clade_told told = {.child = row.child,
                             .genome = slot->genome,
                             .objectives = row.failed ? NULL : slot->outcome.signals,
                             .batch = slot->batch,
                             .cost = slot->outcome.cost,
                             .images = slot->result.images,
                             .own = true,
                             .complete = !row.incomplete,
                             .correct = row.failed ? NULL : slot->outcome.correct,
                             .n_correct = row.failed ? 0 : slot->outcome.n_correct,
                             .tasks = row.failed ? NULL : slot->outcome.tasks,
                             .n_tasks = row.failed ? 0 : slot->outcome.n_tasks};
    CLADE_TRY(clade_levels_tell(engine->levels, &told));
    if (row.failed && !known)
        clade_log_record(CLADE_LOG_WARNING, (int64_t)row.child, "failed: %s", clade_text_get(&slot->result.reason));
    if (row.failed)
        CLADE_TRY(count_failure(engine, slot));
    else
        CLADE_TRY(clade_engine_count_answers(engine, slot));
    if (!row.failed && !row.incomplete) {
        CLADE_TRY(clade_engine_watch(engine, slot, row.child));
        CLADE_TRY(clade_archive_add(&engine->front, row.child, minimised, &entered));
    }
    if (entered)
        CLADE_TRY(clade_engine_add_rival(engine, slot, row.child, minimised[0]));
    memcpy(engine->run_hash, row.hash, sizeof engine->run_hash);
    engine->images += slot->result.images;
    engine->committed++;
    return entered ? clade_engine_front_changed(engine, row.child, minimised, known) : CLADE_OK;
}
