/* Float64 references written from papers, in ../shared/golden/merge, where a recipe can say what they compute: TIES
 * with a trim per tensor, and DARE's arithmetic with stored masks. TIES with one trim over the whole model
 * (paper_ties_global_*) has no counterpart in Clade, which trims per tensor as mergekit does. */
#include "merge_golden.h"

static void run_yaml(const test_case *one, const char *yaml, const char *name)
{
    clade_recipe *recipe;
    clade_family *family;
    clade_child *child;
    assert_ok(clade_recipe_from_mergekit_text(yaml, strlen(yaml), name, &recipe));
    assert_ok(family_of(recipe, &family));
    assert_ok(clade_child_new(family, NULL, &child));
    assert_ok(clade_child_make(child, recipe));
    compare(one, child, true);
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

/* TIES with a trim per tensor and a plain mean: equal weights. The global trims of the paper have no counterpart. */
static void paper_ties(void **state)
{
    static const struct {
        const char *file;
        double density;
    } rows[] = {{"paper_ties_tensor_mean_k20.json", 0.2}, {"paper_ties_tensor_mean_k50.json", 0.5}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char yaml[1024];
        test_case one = open_case(rows[i].file);
        snprintf(yaml, sizeof yaml,
                 "merge_method: ties\nbase_model: models/P_base.safetensors\n"
                 "models: [{model: models/P_a.safetensors}, {model: models/P_b.safetensors}, {model: "
                 "models/P_c.safetensors}]\n"
                 "parameters: {weight: 1, density: %g}\n",
                 rows[i].density);
        run_yaml(&one, yaml, golden("config.yaml"));
        clade_json_free(one.document);
    }
}

/* PARENT where the mask is 1 and BASE elsewhere: a parent whose task vector was dropped by the stored mask. */
static void write_masked(const char *folder, const char *name)
{
    char file[128];
    clade_checkpoint *base, *parent, *mask;
    clade_tensor tensors[16];
    assert_ok(clade_checkpoint_open(golden("models/P_base.safetensors"), &base));
    snprintf(file, sizeof file, "models/%s.safetensors", name);
    assert_ok(clade_checkpoint_open(golden(file), &parent));
    snprintf(file, sizeof file, "models/%s_keepmask.safetensors", name);
    assert_ok(clade_checkpoint_open(golden(file), &mask));
    size_t count = clade_checkpoint_count(base);
    assert_in_range(count, 1, 16);
    for (size_t t = 0; t < count; t++) {
        tensors[t] = *clade_checkpoint_at(parent, t);
        assert_int_equal(tensors[t].dtype, CLADE_F32);
        const clade_tensor *kept = clade_checkpoint_find(mask, tensors[t].name), *b = clade_checkpoint_at(base, t);
        assert_non_null(kept);
        float *data = test_malloc(tensors[t].bytes + 1);
        size_t width = kept->bytes / kept->count;
        for (size_t i = 0; i < tensors[t].count; i++) {
            const char *bytes = (const char *)kept->data + i * width;
            bool keep = false;
            for (size_t k = 0; k < width; k++)
                keep = keep || bytes[k] != 0;
            data[i] = (float)element(keep ? &tensors[t] : b, i);
        }
        tensors[t].data = data;
    }
    snprintf(file, sizeof file, "%s.safetensors", name);
    assert_ok(clade_safetensors_write(path_in(folder, file), tensors, count, NULL, NULL));
    for (size_t t = 0; t < count; t++)
        test_free((void *)(uintptr_t)tensors[t].data);
    clade_checkpoint_close(base);
    clade_checkpoint_close(parent);
    clade_checkpoint_close(mask);
}

/* DARE's arithmetic with stored masks. Clade's masks come from its own generator, so the dropped task vectors are given
 * as parents, and 1 / (T (1 - p)) as their weight. */
static void paper_dare_given_mask(void **state)
{
    char folder[TEST_PATH], yaml[2 * TEST_PATH];
    (void)state;
    make_temporary_folder(folder);
    test_case one = open_case("paper_dare_given_mask.json");
    write_masked(folder, "P_a");
    write_masked(folder, "P_b");
    write_masked(folder, "P_c");
    snprintf(yaml, sizeof yaml,
             "merge_method: task_arithmetic\nbase_model: %s\n"
             "models: [{model: P_a.safetensors}, {model: P_b.safetensors}, {model: P_c.safetensors}]\n"
             "parameters: {weight: %.17g}\n",
             golden("models/P_base.safetensors"), 1 / (3 * (1 - 0.6)));
    run_yaml(&one, yaml, path_in(folder, "config.yaml"));
    clade_json_free(one.document);
    remove_temporary_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_ties),
        cmocka_unit_test(paper_dare_given_mask),
    };
    skip_without_shared();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
