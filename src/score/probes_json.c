/* The grammar of probes.json (DESIGN.md 8). */
#include "score/probes_json.h"

#include <inttypes.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "score/items.h"

#define KEYS(keys) keys, sizeof keys / sizeof *keys

enum { MAX_LOGIT_SCALE = 1000000 };

typedef struct reader {
    const char *path; /* of probes.json, borrowed */
    clade_problems problems;
    bool no_memory;
} reader;

/* The string AT into *COPY; a path is taken relative to probes.json. */
static void read_text(reader *r, const clade_json_at *at, bool is_path, char **copy)
{
    const char *text;
    if (!clade_json_string(at, &r->problems, &text))
        return;
    if (text[0] == '\0') {
        clade_json_problem(at, &r->problems, "found \"\", expected a %s", is_path ? "path" : "name");
        return;
    }
    *copy = is_path ? clade_path_beside(r->path, text) : clade_strdup(text);
    r->no_memory = r->no_memory || !*copy;
}

static void read_head(reader *r, const clade_json_at *at, clade_task *task)
{
    static const char *const known[] = {"file", "tensor", "logit_scale"};
    if (!clade_json_is(at, &r->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(at, &r->problems, KEYS(known));
    const clade_json_at file = clade_json_member(at, "file"), tensor = clade_json_member(at, "tensor");
    const clade_json_at scale = clade_json_member(at, "logit_scale");
    read_text(r, &file, true, &task->head_file);
    read_text(r, &tensor, false, &task->head_tensor);
    if (clade_json_number(&scale, &r->problems, 0.0, MAX_LOGIT_SCALE, &task->logit_scale) && task->logit_scale == 0.0)
        clade_json_problem(&scale, &r->problems, "found 0, expected a number above 0");
}

/* [FIRST, LAST], items FIRST .. LAST-1. */
static void read_range(reader *r, const clade_json_at *at, clade_range *range)
{
    if (!clade_json_is(at, &r->problems, CLADE_JSON_ARRAY))
        return;
    if (clade_json_size(at) != 2) {
        clade_json_problem(at, &r->problems, "found %zu items, expected [first, last]", clade_json_size(at));
        return;
    }
    const clade_json_at first = clade_json_item(at, 0), last = clade_json_item(at, 1);
    clade_range found = {0};
    const int64_t exact = INT64_C(1) << 53;
    int64_t a, b;
    if (!clade_json_integer(&first, &r->problems, 0, exact, &a) ||
        !clade_json_integer(&last, &r->problems, 0, exact, &b))
        return;
    found.first = (uint64_t)a;
    found.last = (uint64_t)b;
    if (found.first > found.last)
        clade_json_problem(at, &r->problems,
                           "found [%" PRIu64 ", %" PRIu64 "], expected the first item before the last", found.first,
                           found.last);
    else
        *range = found;
}

static bool overlap(clade_range a, clade_range b)
{
    const uint64_t first = a.first > b.first ? a.first : b.first, last = a.last < b.last ? a.last : b.last;
    return first < last;
}

static void read_splits(reader *r, const clade_json_at *at, clade_range splits[CLADE_SPLITS])
{
    const char *known[CLADE_SPLITS];
    for (clade_split s = 0; s < CLADE_SPLITS; s++)
        known[s] = clade_split_name(s);
    if (!clade_json_is(at, &r->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(at, &r->problems, KEYS(known));
    for (clade_split s = 0; s < CLADE_SPLITS; s++) {
        const clade_json_at range = clade_json_member(at, known[s]);
        if (clade_json_kind_of(&range) != CLADE_JSON_ABSENT)
            read_range(r, &range, &splits[s]);
        for (clade_split t = 0; t < s; t++)
            if (overlap(splits[s], splits[t]))
                clade_json_problem(&range, &r->problems, "overlaps the split \"%s\", expected disjoint splits",
                                   known[t]);
    }
}

static void read_task(reader *r, const clade_json_at *at, clade_task *task)
{
    static const char *const known[] = {"name", "images", "labels", "head", "splits"};
    if (!clade_json_is(at, &r->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(at, &r->problems, KEYS(known));
    const clade_json_at name = clade_json_member(at, "name"), images = clade_json_member(at, "images");
    const clade_json_at labels = clade_json_member(at, "labels"), head = clade_json_member(at, "head");
    const clade_json_at splits = clade_json_member(at, "splits");
    read_text(r, &name, false, &task->name);
    read_text(r, &images, true, &task->images);
    if (clade_json_kind_of(&labels) != CLADE_JSON_ABSENT)
        read_text(r, &labels, true, &task->labels);
    else if (task->images && !clade_is_safetensors_name(task->images))
        clade_json_problem(&labels, &r->problems,
                           "found nothing, expected a path (only images in a .safetensors file "
                           "bring their labels)");
    read_head(r, &head, task);
    read_splits(r, &splits, task->splits);
}

static void check_unique(reader *r, const clade_json_at *tasks, const clade_probes *probes)
{
    for (size_t i = 0; i < probes->n_tasks; i++)
        for (size_t j = 0; j < i; j++)
            if (probes->tasks[i].name && probes->tasks[j].name &&
                strcmp(probes->tasks[i].name, probes->tasks[j].name) == 0) {
                const clade_json_at task = clade_json_item(tasks, i);
                clade_json_problem(&task, &r->problems, "found the name \"%s\" of task %zu again, expected another",
                                   probes->tasks[i].name, j);
                break;
            }
}

static void read_tasks(reader *r, const clade_json_at *at, clade_probes *probes)
{
    if (!clade_json_is(at, &r->problems, CLADE_JSON_ARRAY))
        return;
    const size_t count = clade_json_size(at);
    if (count == 0)
        clade_json_problem(at, &r->problems, "found no tasks, expected at least one");
    probes->tasks = clade_calloc(count, sizeof *probes->tasks);
    if (!probes->tasks) {
        r->no_memory = true;
        return;
    }
    probes->n_tasks = count;
    for (size_t i = 0; i < count; i++) {
        const clade_json_at task = clade_json_item(at, i);
        read_task(r, &task, &probes->tasks[i]);
    }
    check_unique(r, at, probes);
}

clade_status clade_probes_from_json(const clade_json *document, const char *path, clade_probes **probes)
{
    static const char *const known[] = {"tasks"};
    clade_probes *found = clade_calloc(1, sizeof *found);
    if (!found)
        return clade_fail_memory(sizeof *found, "probes");
    found->path = clade_strdup(path);
    reader r = {.path = path, .no_memory = !found->path};
    const clade_json_at root = clade_json_root(document);
    if (clade_json_is(&root, &r.problems, CLADE_JSON_OBJECT)) {
        clade_json_only(&root, &r.problems, KEYS(known));
        const clade_json_at tasks = clade_json_member(&root, "tasks");
        read_tasks(&r, &tasks, found);
    }
    clade_status status = clade_problems_end(&r.problems, CLADE_ECONFIG);
    if (r.no_memory)
        status = clade_fail_memory(sizeof *found->tasks, "probes");
    if (status != CLADE_OK)
        clade_probes_free(found);
    else
        *probes = found;
    return status;
}
