#include "search/guard.h"

#include <string.h>

#include "clade/alloc.h"
#include "clade/bits.h"
#include "search/race.h"

static const double LEVEL = 0.01;

static const char EVENT[] = "guard";

/* ---- the rule ---- */

/* Of the test that CHILD is not worse than the one with the best accuracy. */
static double p_of(const clade_guard *guard, const clade_watched *child)
{
    uint64_t losses = 0, wins = 0;
    for (size_t i = 0; i < child->n_bits; i++) {
        const bool ours = clade_bit(child->correct, i), theirs = clade_bit(guard->correct, i);
        if (!clade_bit(child->clean, i) || ours == theirs)
            continue;
        losses += theirs;
        wins += ours;
    }
    return clade_mcnemar_p(losses, wins);
}

static clade_status remember(clade_guard *guard, const clade_watched *child)
{
    const size_t bytes = child->n_bits / 8 + 1;
    if (!guard->correct)
        guard->correct = clade_calloc(bytes, 1);
    if (!guard->correct)
        return clade_fail_memory(bytes, "the answers of a child");
    memcpy(guard->correct, child->correct, (child->n_bits + 7) / 8);
    guard->child = child->child;
    guard->accuracy = child->accuracy;
    return CLADE_OK;
}

clade_status clade_guard_tell(clade_guard *guard, const clade_watched *child, clade_guard_finding *finding, bool *found)
{
    *found = false;
    if (guard->ended || (guard->begun && child->entropy >= guard->least))
        return CLADE_OK;
    if (!guard->begun || child->accuracy > guard->accuracy) {
        CLADE_TRY(remember(guard, child));
    } else {
        *finding = (clade_guard_finding){.child = child->child,
                                         .against = guard->child,
                                         .entropy = child->entropy,
                                         .accuracy = child->accuracy,
                                         .against_accuracy = guard->accuracy,
                                         .p = p_of(guard, child)};
        *found = guard->ended = finding->p <= LEVEL;
    }
    guard->begun = true;
    guard->least = child->entropy;
    return CLADE_OK;
}

void clade_guard_fini(clade_guard *guard)
{
    clade_free(guard->correct);
    *guard = (clade_guard){0};
}

/* ---- the event ---- */

void clade_guard_members(const clade_guard_finding *finding, clade_json_writer *writer)
{
    clade_json_put_u64(writer, "child", finding->child);
    clade_json_put_number(writer, "entropy", finding->entropy);
    clade_json_put_number(writer, "accuracy", finding->accuracy);
    clade_json_put_u64(writer, "against", finding->against);
    clade_json_put_number(writer, "against_accuracy", finding->against_accuracy);
    clade_json_put_number(writer, "p", finding->p);
}

clade_status clade_guard_put(clade_ledger *ledger, const clade_guard_finding *finding)
{
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_json_begin_object(&writer, NULL);
    clade_guard_members(finding, &writer);
    clade_json_end_object(&writer);
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        status = clade_ledger_put_event(ledger, EVENT, clade_text_get(&text));
    clade_text_free(&text);
    return status;
}

static clade_status parse(const clade_text *detail, clade_guard_finding *finding)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(clade_text_get(detail), detail->length, "event guard", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), child = clade_json_member(&root, "child"),
                        against = clade_json_member(&root, "against"), entropy = clade_json_member(&root, "entropy"),
                        accuracy = clade_json_member(&root, "accuracy"),
                        other = clade_json_member(&root, "against_accuracy"), p = clade_json_member(&root, "p");
    (void)clade_json_u64(&child, &problems, &finding->child);
    (void)clade_json_u64(&against, &problems, &finding->against);
    (void)clade_json_number(&entropy, &problems, 0.0, 1e9, &finding->entropy);
    (void)clade_json_number(&accuracy, &problems, 0.0, 1.0, &finding->accuracy);
    (void)clade_json_number(&other, &problems, 0.0, 1.0, &finding->against_accuracy);
    (void)clade_json_number(&p, &problems, 0.0, 1.0, &finding->p);
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

clade_status clade_guard_get(clade_ledger *ledger, clade_guard_finding *finding, bool *found)
{
    clade_text detail = {0};
    uint64_t number = 0;
    *finding = (clade_guard_finding){0};
    clade_status status = clade_ledger_get_event(ledger, EVENT, &detail, &number, found);
    if (status == CLADE_OK && *found)
        status = parse(&detail, finding);
    clade_text_free(&detail);
    return status;
}

void clade_guard_write(const clade_guard_finding *finding, clade_text *text)
{
    clade_text_append(
        text,
        "minimising entropy hurts since child %llu: at entropy %.4f its accuracy on labelled items is %.4f, "
        "against %.4f of child %llu (exact McNemar p = %.2g)",
        (unsigned long long)finding->child, finding->entropy, finding->accuracy, finding->against_accuracy,
        (unsigned long long)finding->against, finding->p);
}
