/* Real models against ../shared/zoo/vision8/baselines.json (PyTorch): the base on the whole holdout, clean and under
 * the seven corruptions at severity 5, and every fine-tune on its own task.
 *
 * Clean accuracy must agree to one item in five hundred. Under corruption the baselines hold one draw of the noise of
 * another generator, so the mean over eight tasks of about 900 images may differ by 1.5 points. */
#include "near.h"

#include <time.h>

#include "clade/json.h"
#include "clade/score.h"

#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature) /* clang */
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static const double clean_tolerance = 0.002, corrupted_tolerance = 0.015;

/* VALUE of baselines.json: merges / MERGE / FIELD (/ KEY when not NULL). */
static double baseline(const char *merge, const char *field, const char *key)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    double value = NAN;
    assert_ok(clade_json_read(shared_path("zoo/vision8/baselines.json"), CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), merges = clade_json_member(&root, "merges");
    const clade_json_at row = clade_json_member(&merges, merge);
    clade_json_at at = clade_json_member(&row, field);
    if (key)
        at = clade_json_member(&at, key);
    assert_true(clade_json_number(&at, &problems, 0.0, 1.0, &value));
    clade_json_free(document);
    return value;
}

static clade_score_plan holdout_plan(bool with_corrupted)
{
    clade_score_plan plan = {.labelled_split = CLADE_HOLDOUT, .with_corrupted = with_corrupted, .seed = 1};
    size_t count;
    const clade_corruption *const *corruptions = clade_corruptions(&count);
    plan.n_corruptions = with_corrupted ? CLADE_DEFAULT_CORRUPTIONS : 0;
    for (size_t k = 0; k < plan.n_corruptions; k++) {
        plan.corruptions[k] = corruptions[k];
        plan.severities[k] = 5;
    }
    return plan;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Score the model in FOLDER of the zoo on PROBES; times go to the log of the test. */
static void score_model(const char *folder, const clade_probes *probes, const clade_score_plan *plan,
                        clade_score *score)
{
    char path[128];
    clade_checkpoint *checkpoint = NULL;
    clade_model *model = NULL;
    clade_provider provider;
    clade_preprocess preprocess;
    clade_scorer *scorer = NULL;
    snprintf(path, sizeof path, "zoo/vision8/%s", folder);
    assert_ok(clade_checkpoint_open(shared_path(path), &checkpoint));
    assert_ok(clade_model_open(checkpoint, &model));
    assert_ok(clade_checkpoint_provider_open(checkpoint, &provider));
    assert_ok(clade_preprocess_read(shared_path(path), clade_model_shape_of(model).channels, &preprocess));
    const double start = seconds();
    assert_ok(clade_scorer_new(probes, model, &preprocess, plan, &scorer));
    const double made = seconds();
    assert_ok(clade_scorer_run(scorer, &provider, score));
    print_message("%s: %zu images made in %.2f s (%zu bytes), scored in %.2f s\n", folder, score->images, made - start,
                  clade_scorer_memory(scorer), seconds() - made);
    clade_scorer_free(scorer);
    clade_checkpoint_provider_close(&provider);
    clade_model_close(model);
    clade_checkpoint_close(checkpoint);
}

static void base_clean(void **state)
{
    const clade_probes *probes = *state;
    const clade_score_plan plan = holdout_plan(false);
    clade_score score;
    score_model("base", probes, &plan, &score);
    assert_near(score.clean.accuracy, baseline("base", "clean", NULL), clean_tolerance);
    assert_near(score.worst_task, baseline("base", "worst_task", NULL), clean_tolerance);
    for (size_t t = 0; t < probes->n_tasks; t++)
        assert_near(score.tasks[t].clean.accuracy, baseline("base", "per_task", probes->tasks[t].name),
                    clean_tolerance);
    clade_score_fini(&score);
}

static void base_corrupted(void **state)
{
    const clade_probes *probes = *state;
    clade_score_plan plan = holdout_plan(true);
    clade_score score;
    if (SANITIZED) {
        print_message("skipped: 47,000 images take minutes under a sanitizer\n");
        skip();
    }
    plan.labelled = 1; /* the clean ones are another test's */
    score_model("base", probes, &plan, &score);
    for (size_t k = 0; k < plan.n_corruptions; k++)
        print_message("%s %.4f (PyTorch %.4f)\n", plan.corruptions[k]->name, score.corrupted_accuracy[k],
                      baseline("base", "per_corruption", plan.corruptions[k]->name));
    assert_near(score.robustness, baseline("base", "mean7", NULL), corrupted_tolerance);
    for (size_t k = 0; k < plan.n_corruptions; k++)
        assert_near(score.corrupted_accuracy[k], baseline("base", "per_corruption", plan.corruptions[k]->name),
                    corrupted_tolerance);
    clade_score_fini(&score);
}

static void every_expert_on_its_task(void **state)
{
    const clade_probes *probes = *state;
    const clade_score_plan plan = holdout_plan(false);
    for (size_t t = 0; t < probes->n_tasks; t++) {
        const clade_probes one = {.path = probes->path, .tasks = &probes->tasks[t], .n_tasks = 1};
        clade_score score;
        score_model(probes->tasks[t].name, &one, &plan, &score);
        assert_near(score.clean.accuracy, baseline("individual", "per_task", probes->tasks[t].name), clean_tolerance);
        assert_true(isnan(score.robustness) && isnan(score.entropy));
        clade_score_fini(&score);
    }
}

static int open_probes(void **state)
{
    clade_probes *probes = NULL;
    assert_ok(clade_probes_read(shared_path("zoo/vision8/probes.json"), &probes));
    *state = probes;
    return 0;
}

static int close_probes(void **state)
{
    clade_probes_free(*state);
    return 0;
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {cmocka_unit_test(base_clean), cmocka_unit_test(base_corrupted),
                                       cmocka_unit_test(every_expert_on_its_task)};
    return cmocka_run_group_tests(tests, open_probes, close_probes);
}
