/* The items of a scorer: laid out by the plan alone, loaded once, corrupted once. */
#include <inttypes.h>

#include "clade/alloc.h"
#include "score/items.h"
#include "score/scorer.h"

/* How many items of each kind a task gives. */
typedef struct counts {
    size_t clean, corrupted, unlabelled;
} counts;

static size_t at_most(size_t limit, clade_range range)
{
    const size_t all = (size_t)(range.last - range.first);
    return limit == 0 || limit > all ? all : limit;
}

static counts counts_of(const clade_score_plan *plan, const clade_task *task)
{
    counts n = {0};
    if (plan->labelled_split != CLADE_UNLABELLED) {
        n.clean = at_most(plan->labelled, task->splits[plan->labelled_split]);
        n.corrupted = plan->with_corrupted ? at_most(plan->corrupted, task->splits[plan->labelled_split]) : 0;
    }
    n.unlabelled = plan->with_unlabelled ? at_most(plan->unlabelled, task->splits[CLADE_UNLABELLED]) : 0;
    return n;
}

/* Corrupted images of a task. */
static size_t all_corrupted(const clade_score_plan *plan, counts n)
{
    return n.corrupted * (plan->rotate ? 1 : plan->n_corruptions);
}

/* ---- which tasks ---- */

static size_t images_of(const clade_score_plan *plan, const clade_task *task)
{
    const counts n = counts_of(plan, task);
    return n.clean + n.unlabelled + all_corrupted(plan, n);
}

/* The tasks from FIRST on that make a share of at most LIMIT images (or of one task with items), and leave one such task
 * for each of SHARES_LEFT others, when there are so many. */
static size_t tasks_within(const clade_probes *probes, const clade_score_plan *plan, size_t first, size_t limit,
                           size_t shares_left)
{
    size_t with_items = 0, images = 0, t = first;
    for (size_t k = first; k < probes->n_tasks; k++)
        with_items += images_of(plan, &probes->tasks[k]) > 0;
    for (; t < probes->n_tasks; t++) {
        const size_t more = images_of(plan, &probes->tasks[t]);
        if (images > 0 && more > 0 && (images + more > limit || with_items <= shares_left))
            break;
        images += more;
        with_items -= more > 0;
    }
    return t - first;
}

static bool enough(const clade_probes *probes, const clade_score_plan *plan, size_t limit, size_t n_shares)
{
    size_t first = 0;
    for (size_t k = 0; k < n_shares; k++)
        first += tasks_within(probes, plan, first, limit, 0);
    return first == probes->n_tasks;
}

clade_task_range clade_score_share(const clade_probes *probes, const clade_score_plan *plan, size_t share,
                                   size_t n_shares)
{
    size_t least = 0, most = 0;
    clade_task_range range = {0};
    for (size_t t = 0; t < probes->n_tasks; t++) {
        const size_t images = images_of(plan, &probes->tasks[t]);
        least = images > least ? images : least;
        most += images;
    }
    while (least < most) { /* the smallest limit of a share that is enough */
        const size_t middle = least + (most - least) / 2;
        if (enough(probes, plan, middle, n_shares))
            most = middle;
        else
            least = middle + 1;
    }
    for (size_t k = 0; k <= share; k++) {
        range.first += range.count;
        range.count = tasks_within(probes, plan, range.first, least, n_shares - 1 - k);
    }
    return range;
}

/* What plan->tasks says. */
static bool has_task(const clade_scorer *scorer, size_t task)
{
    const clade_task_range range = scorer->plan.tasks;
    return range.count == 0 || (task >= range.first && task - range.first < range.count);
}

size_t clade_scorer_labelled(const clade_scorer *scorer, size_t task)
{
    const counts n = counts_of(&scorer->plan, &scorer->probes->tasks[task]);
    return n.clean > n.corrupted ? n.clean : n.corrupted;
}

size_t clade_scorer_bits(const clade_scorer *scorer)
{
    size_t bits = 0;
    for (size_t t = 0; t < scorer->probes->n_tasks; t++) {
        const counts n = counts_of(&scorer->plan, &scorer->probes->tasks[t]);
        bits += n.clean + all_corrupted(&scorer->plan, n);
    }
    return bits;
}

clade_bit_layout clade_scorer_layout(const clade_scorer *scorer, size_t task)
{
    const counts n = counts_of(&scorer->plan, &scorer->probes->tasks[task]);
    return (clade_bit_layout){
        .clean = n.clean, .corrupted = n.corrupted, .copies = scorer->plan.rotate ? 1 : scorer->plan.n_corruptions};
}

/* ---- layout ---- */

/* The next part of SCORER: COUNT items from FIRST on. */
static part *add_part(clade_scorer *scorer, size_t task, part_kind kind, size_t count, uint64_t first)
{
    part *p = &scorer->parts[scorer->n_parts++];
    *p = (part){.task = task, .kind = kind, .count = count, .stream = scorer->images, .first = first, .step = 1};
    scorer->images += count;
    return p;
}

/* Rotating, corruption k of n has the items k, k + n, k + 2n, ...; else each has them all. */
static void lay_out_task(clade_scorer *scorer, size_t t, counts n)
{
    const clade_score_plan *plan = &scorer->plan;
    const clade_task *task = &scorer->probes->tasks[t];
    const uint64_t labelled = task->splits[plan->labelled_split].first;
    add_part(scorer, t, PART_CLEAN, n.clean, labelled);
    for (size_t k = 0; k < plan->n_corruptions && plan->with_corrupted; k++) {
        const size_t rotating = (n.corrupted + plan->n_corruptions - 1 - k) / plan->n_corruptions;
        part *p = add_part(scorer, t, PART_CORRUPTED, plan->rotate ? rotating : n.corrupted, labelled);
        p->corruption = k;
        p->first += plan->rotate ? k : 0;
        p->step = plan->rotate ? plan->n_corruptions : 1;
        p->bit = n.clean + (plan->rotate ? k : k * n.corrupted);
    }
    add_part(scorer, t, PART_UNLABELLED, n.unlabelled, task->splits[CLADE_UNLABELLED].first);
}

/* Bytes of a plan, which may ask for absurdly many: in double, exact below 2^53. */
static clade_status check_memory(clade_scorer *scorer)
{
    const clade_score_plan *plan = &scorer->plan;
    const double limit = plan->memory > 0 ? (double)plan->memory : (double)((size_t)1 << 30);
    const double image = (double)scorer->image, embed = (double)(scorer->embed * sizeof(float));
    double bytes = 0.0;
    for (size_t t = 0; t < scorer->probes->n_tasks; t++) {
        const counts n = counts_of(plan, &scorer->probes->tasks[t]);
        size_t value = 1;
        if (!has_task(scorer, t))
            continue;
        CLADE_TRY(clade_items_value_bytes(&scorer->probes->tasks[t], &value));
        const double loaded = (double)(n.clean > n.corrupted ? n.clean : n.corrupted) + (double)n.unlabelled;
        const double corrupted = (double)all_corrupted(plan, n);
        const double forwarded = (double)n.clean + (double)n.unlabelled + corrupted;
        bytes += loaded * (image * (double)value + 1.0) + corrupted * (image + 1.0) + forwarded * embed;
    }
    if (bytes > limit)
        return clade_fail(CLADE_ECONFIG, "%s: the items to keep need %.0f bytes of memory, expected at most %.0f",
                          scorer->probes->path, bytes, limit);
    scorer->memory = (size_t)bytes;
    return CLADE_OK;
}

static clade_status check_fit(const clade_scorer *scorer, const clade_task *task, const clade_items *items)
{
    if (items->count == 0 ||
        (items->channels == scorer->channels && items->height == scorer->height && items->width == scorer->width))
        return CLADE_OK;
    return clade_fail(
        CLADE_EINCOMPATIBLE,
        "task \"%s\": found images of %zu x %zu x %zu (channels, height, width), expected %zu x %zu x %zu, "
        "which the model takes",
        task->name, items->channels, items->height, items->width, scorer->channels, scorer->height, scorer->width);
}

/* Item I of ITEMS as floats in [0, 1], corrupted, rounded to 8 bits into OUT. */
static clade_status corrupt(const clade_scorer *scorer, const part *p, const clade_items *items, size_t i,
                            float *scratch, uint8_t *out)
{
    const clade_corruption *corruption = scorer->plan.corruptions[p->corruption];
    const int severity = scorer->plan.severities[p->corruption];
    const uint64_t task_key = clade_name_key(scorer->probes->tasks[p->task].name);
    clade_image image = {scorer->channels, scorer->height, scorer->width, scratch};
    const size_t n = scorer->image;
    for (size_t k = 0; k < n; k++)
        scratch[k] = items->u8 ? (float)(items->u8[i * n + k] / 255.0) : items->f32[i * n + k];
    CLADE_TRY(corruption->apply(
        &image, severity,
        clade_corruption_rng(scorer->plan.seed, task_key, items->first + i, corruption->name, severity)));
    for (size_t k = 0; k < n; k++)
        out[k] = (uint8_t)((double)scratch[k] * 255.0 + 0.5);
    return CLADE_OK;
}

static clade_status fill_corrupted(const clade_scorer *scorer, part *p, const clade_items *items, float *scratch)
{
    p->u8 = clade_malloc(p->count * scorer->image);
    p->labels = clade_malloc(p->count);
    if (!p->u8 || !p->labels)
        return clade_fail_memory(p->count * (scorer->image + 1), "corrupted images");
    for (size_t j = 0; j < p->count; j++) {
        const size_t i = (size_t)(p->first - items->first) + j * p->step;
        p->labels[j] = items->labels[i];
        const clade_status status = corrupt(scorer, p, items, i, scratch, p->u8 + j * scorer->image);
        if (status != CLADE_OK)
            return clade_fail_prefix(status, "task \"%s\", item %" PRIu64, scorer->probes->tasks[p->task].name,
                                     items->first + i);
    }
    return CLADE_OK;
}

/* The buffers of ITEMS become those of P. */
static void hand_over(clade_items *items, part *p)
{
    p->u8 = items->u8;
    p->f32 = items->f32;
    p->labels = items->labels;
    *items = (clade_items){0};
}

/* PARTS are those of one task: clean, corrupted ones, unlabelled. */
static clade_status fill_task(const clade_scorer *scorer, part *parts, size_t n_parts, float *scratch)
{
    const clade_task *task = &scorer->probes->tasks[parts->task];
    const counts n = counts_of(&scorer->plan, task);
    const clade_range unlabelled = {parts[n_parts - 1].first, parts[n_parts - 1].first + n.unlabelled};
    const clade_range labelled = {parts->first, parts->first + (n.clean > n.corrupted ? n.clean : n.corrupted)};
    clade_items items;
    CLADE_TRY(clade_items_load(task, labelled, true, &items));
    clade_status status = check_fit(scorer, task, &items);
    for (size_t k = 1; k + 1 < n_parts && status == CLADE_OK; k++)
        status = fill_corrupted(scorer, &parts[k], &items, scratch);
    hand_over(&items, parts);
    if (status != CLADE_OK)
        return status;
    CLADE_TRY(clade_items_load(task, unlabelled, false, &items));
    status = check_fit(scorer, task, &items);
    hand_over(&items, &parts[n_parts - 1]);
    return status;
}

clade_status clade_scorer_load(clade_scorer *scorer)
{
    const clade_score_plan *plan = &scorer->plan;
    const size_t n_tasks = scorer->probes->n_tasks, per_task = 2 + (plan->with_corrupted ? plan->n_corruptions : 0);
    CLADE_TRY(check_memory(scorer));
    scorer->parts = clade_calloc(n_tasks * per_task, sizeof *scorer->parts);
    float *scratch = clade_malloc(scorer->image * sizeof *scratch);
    clade_status status = CLADE_OK;
    if (!scorer->parts || !scratch)
        status = clade_fail_memory(n_tasks * per_task * sizeof *scorer->parts, "the parts of a score");
    for (size_t t = 0; t < n_tasks && status == CLADE_OK; t++)
        lay_out_task(scorer, t, has_task(scorer, t) ? counts_of(plan, &scorer->probes->tasks[t]) : (counts){0});
    if (status == CLADE_OK && scorer->images == 0)
        status = clade_fail(CLADE_ECONFIG, "%s: no items to score, expected some in the split \"%s\"",
                            scorer->probes->path, clade_split_name(plan->labelled_split));
    for (size_t t = 0; t < n_tasks && status == CLADE_OK; t++)
        if (has_task(scorer, t))
            status = fill_task(scorer, scorer->parts + t * per_task, per_task, scratch);
    clade_free(scratch);
    return status;
}
