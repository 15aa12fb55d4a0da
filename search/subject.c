#include "search/subject.h"

#include "clade/alloc.h"

void clade_outcome_fini(clade_outcome *outcome)
{
    clade_free(outcome->correct);
    clade_free(outcome->seen);
    clade_free(outcome->clean);
    clade_free(outcome->tasks);
    *outcome = (clade_outcome){0};
}

clade_status clade_take_result(clade_pool_result *result, clade_evaluation_row *row)
{
    clade_evaluation_row_fini(row);
    row->status = result->status;
    row->seconds = result->seconds;
    row->rank = result->rank;
    row->same_as = -1;
    clade_text *text = row->status == CLADE_OK ? &row->score : &row->reason;
    *text = result->bytes;
    result->bytes = (clade_text){0};
    return clade_text_status(text);
}

void clade_subject_free(clade_subject *subject)
{
    if (subject->kind)
        subject->kind->close(subject->state);
    *subject = (clade_subject){0};
}
