/* Of status: who is at work on a run, and on what kind of machine; what came of it when that changed. */
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "search/command/run_status.h"

/* ---- reading ---- */

static clade_status read_owner(const char *folder, clade_session_status *status)
{
    char *path = clade_path_join(folder, "run.db");
    if (!path)
        return clade_fail_memory(strlen(folder) + 8, "a path");
    status->active = clade_run_lock_is_held(path, &status->owner);
    clade_free(path);
    return CLADE_OK;
}

/* The event "platform checked": {"child": N, "found": WORD, "largest_difference": X}. */
static clade_status parse_check(const clade_text *detail, clade_session_status *status)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    const char *word = "";
    double child = 0.0;
    CLADE_TRY(
        clade_json_parse(clade_text_get(detail), detail->length, "event platform checked", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), found = clade_json_member(&root, "found"),
                        number = clade_json_member(&root, "child"),
                        largest = clade_json_member(&root, "largest_difference");
    (void)clade_json_string(&found, &problems, &word);
    (void)clade_json_number(&number, &problems, 0.0, 0x1p53, &child);
    if (clade_json_kind_of(&largest) != CLADE_JSON_NULL) /* it could not be scored */
        (void)clade_json_number(&largest, &problems, 0.0, 0x1p62, &status->largest);
    snprintf(status->check, sizeof status->check, "%s", word);
    status->child = (uint64_t)child;
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

/* The last change of platform and what was found then, if anything was. */
static clade_status read_check(clade_ledger *ledger, clade_session_status *status)
{
    clade_text detail = {0};
    bool is_open = false, is_checked = false;
    clade_status result =
        clade_ledger_get_event_since(ledger, "platform changed", "platform checked", &detail, &is_open);
    if (result == CLADE_OK && is_open)
        snprintf(status->check, sizeof status->check, "not checked");
    else if (result == CLADE_OK)
        result = clade_ledger_get_event_since(ledger, "platform checked", "platform changed", &detail, &is_checked);
    if (result == CLADE_OK && is_checked)
        result = parse_check(&detail, status);
    clade_text_free(&detail);
    return result;
}

clade_status clade_session_status_read(const char *run_folder, clade_ledger *ledger, clade_session_status *status)
{
    clade_json *document = NULL;
    bool found = false;
    CLADE_TRY(read_owner(run_folder, status));
    CLADE_TRY(clade_ledger_get_platform(ledger, &status->platform, &found));
    if (found) /* it goes into JSON as it is */
        CLADE_TRY(clade_json_parse(clade_text_get(&status->platform), status->platform.length, "run.db: platform",
                                   CLADE_EINPUT, &document));
    clade_json_free(document);
    return read_check(ledger, status);
}

void clade_session_status_fini(clade_session_status *status)
{
    clade_text_free(&status->platform);
}

/* ---- JSON ---- */

void clade_session_status_members(const clade_session_status *status, clade_json_writer *writer)
{
    clade_json_put_bool(writer, "active", status->active);
    if (status->active && status->owner.known) {
        clade_json_begin_object(writer, "session");
        clade_json_put_string(writer, "host", status->owner.host);
        clade_json_put_integer(writer, "process", status->owner.process);
        clade_json_put_string(writer, "since", status->owner.since);
        clade_json_end_object(writer);
    } else {
        clade_json_put_null(writer, "session");
    }
    if (status->platform.length > 0)
        clade_json_put_raw(writer, "platform", clade_text_get(&status->platform));
    else
        clade_json_put_null(writer, "platform");
    if (status->check[0] == '\0') {
        clade_json_put_null(writer, "platform_check");
        return;
    }
    clade_json_begin_object(writer, "platform_check");
    clade_json_put_string(writer, "found", status->check);
    clade_json_put_u64(writer, "child", status->child);
    clade_json_put_number(writer, "largest_difference", status->largest);
    clade_json_end_object(writer);
}

/* ---- people ---- */

static void append_owner(const clade_session_status *status, bool finished, clade_text *text)
{
    const clade_lock_owner *owner = &status->owner;
    if (status->active && owner->known)
        clade_text_append(text, "\nsession   process %ld on %s, since %s", owner->process, owner->host, owner->since);
    else if (status->active)
        clade_text_append(text, "\nsession   at work");
    else if (owner->known)
        clade_text_append(text,
                          "\nsession   none; the last one, process %ld on %s, since %s, was ended in its work; `clade "
                          "resume` goes on",
                          owner->process, owner->host, owner->since);
    else if (!finished)
        clade_text_append(text, "\nsession   none; `clade resume` goes on");
}

/* The member KEY, which may not be there. */
static const char *word_of(const clade_json_at *root, const char *key)
{
    clade_problems problems = {0};
    const char *word = "?";
    const clade_json_at at = clade_json_member(root, key);
    if (clade_json_kind_of(&at) == CLADE_JSON_STRING)
        (void)clade_json_string(&at, &problems, &word);
    return word;
}

static void append_platform(const clade_session_status *status, clade_text *text)
{
    clade_json *document = NULL;
    if (clade_json_parse(clade_text_get(&status->platform), status->platform.length, "run.db: platform", CLADE_EINPUT,
                         &document) != CLADE_OK)
        return;
    const clade_json_at root = clade_json_root(document);
    clade_text_append(text, "\nplatform  %.80s, kernels %.32s, BLAS core %.32s", word_of(&root, "cpu"),
                      word_of(&root, "kernels"), word_of(&root, "blas_core"));
    clade_json_free(document);
}

void clade_session_status_people(const clade_session_status *status, bool finished, clade_text *text)
{
    const unsigned long long child = (unsigned long long)status->child;
    append_owner(status, finished, text);
    if (status->platform.length > 0)
        append_platform(status, text);
    if (strcmp(status->check, "agrees") == 0)
        clade_text_append(text, "; another one before: child %llu, scored again, agreed in every bit", child);
    else if (strcmp(status->check, "differs") == 0)
        clade_text_append(text,
                          "; another one before: child %llu, scored again, DIFFERED (objectives by at most %.3g), so "
                          "this is not the run of one platform",
                          child, status->largest);
    else if (status->check[0] != '\0')
        clade_text_append(text, "; another one before: whether results agree could not be checked");
}
