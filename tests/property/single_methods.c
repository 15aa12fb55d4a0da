/* Laws of single methods: what a trim keeps, what a mask drops, how SLERP goes beyond two parents; and one for all
 * kernels. */
#include "merge_zoo.h"

static char folder[TEST_PATH];

static clade_recipe *recipe_of(const clade_method *method, size_t n_parents)
{
    return zoo_recipe(folder, method, n_parents, NULL);
}

/* With density 1 DARE is task arithmetic, and with the election TIES. */
static void density_one(void **state)
{
    static const char *const pairs[][2] = {{"dare_linear", "task_arithmetic"}, {"dare_ties", "ties"}};
    char one[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int normalize = 0; normalize < 2; normalize++) {
            for (size_t k = 0; k < 2; k++) {
                clade_recipe *recipe = recipe_of(clade_method_find(pairs[i][k]), 3);
                zoo_set_mixed(recipe);
                zoo_set(recipe, "normalize", 0, normalize);
                for (size_t p = 0; p < 3; p++)
                    zoo_set(recipe, "density", p, 1);
                zoo_hash(recipe, 0, false, k == 0 ? one : other);
                clade_recipe_free(recipe);
            }
            assert_string_equal(one, other);
        }
}

/* TIES keeps exactly k elements: the largest, and of equal ones the lower indices. */
static void exact_k(void **state)
{
    static const double densities[] = {0.001, 0.1, 0.25, 0.5, 0.75, 0.999};
    (void)state;
    for (size_t d = 0; d < sizeof densities / sizeof densities[0]; d++) {
        clade_recipe *recipe = recipe_of(clade_method_find("ties"), 1);
        clade_free(recipe->parents[0].path);
        assert_non_null(recipe->parents[0].path = clade_strdup(path_in(folder, "stepped.safetensors")));
        zoo_set(recipe, "density", 0, densities[d]);
        zoo_made made = zoo_make(recipe, 0, false);
        const clade_tensor *child = clade_child_find(made.child, "model.layers.1.w");
        const float *b = clade_checkpoint_find(clade_family_base(made.family), child->name)->data,
                    *x = clade_checkpoint_find(clade_family_parent(made.family, 0), child->name)->data,
                    *y = child->data;
        float most_lost = 0, least_kept = INFINITY;
        size_t first_lost = child->count, last_kept = 0, kept = 0, moved = 0;
        for (size_t i = 0; i < child->count; i++) {
            float size = fabsf(x[i] - b[i]);
            moved += size > 0;
            if (y[i] == x[i] && size > 0) {
                kept++;
                last_kept = size < least_kept ? i : size == least_kept ? i : last_kept;
                least_kept = fminf(least_kept, size);
            } else if (size > 0) {
                assert_true(y[i] == b[i]);
                first_lost = size > most_lost ? i : first_lost;
                most_lost = fmaxf(most_lost, size);
            }
        }
        size_t k = (size_t)(densities[d] * (double)child->count);
        assert_int_equal(kept, k < moved ? k : moved);
        assert_true(most_lost <= least_kept);
        if (most_lost == least_kept)
            assert_true(last_kept < first_lost);
        zoo_drop(&made);
        clade_recipe_free(recipe);
    }
}

/* DARE of one parent: as many survivors as the density says, each times 1 / density (the paper) or such that the L1
 * norm stays. */
static void drop_and_rescale(void **state)
{
    const double density = 0.3;
    (void)state;
    for (int by_density = 0; by_density < 2; by_density++) {
        clade_recipe *recipe = recipe_of(clade_method_find("dare_linear"), 1);
        zoo_set(recipe, "density", 0, density);
        zoo_set(recipe, "rescale_by_density", 0, by_density);
        zoo_made made = zoo_make(recipe, 0, false);
        const clade_tensor *child = clade_child_find(made.child, "model.layers.1.w");
        const float *b = clade_checkpoint_find(clade_family_base(made.family), child->name)->data,
                    *x = clade_checkpoint_find(clade_family_parent(made.family, 0), child->name)->data,
                    *y = child->data;
        double n = (double)child->count, kept = 0, before = 0, after = 0;
        for (size_t i = 0; i < child->count; i++) {
            double tau = (double)x[i] - (double)b[i], found = (double)y[i] - (double)b[i];
            kept += found != 0;
            before += fabs(tau);
            after += fabs(found);
            if (found != 0 && by_density)
                assert_near(found, tau / density, 3e-7);
        }
        assert_near(kept, density * n, 5 * sqrt(n * density * (1 - density)));
        if (!by_density)
            assert_near(after / before, 1, 1e-5);
        zoo_drop(&made);
        clade_recipe_free(recipe);
    }
}

/* A third parent of weight 0 changes nothing: the general mean agrees with the formula for two. */
static void slerp_of_three(void **state)
{
    const clade_method *slerp = clade_method_find("slerp");
    clade_recipe *two = recipe_of(slerp, 2), *three = recipe_of(slerp, 3);
    (void)state;
    for (size_t p = 0; p < 3; p++) { /* models far apart: not the linear branch */
        char file[64];
        snprintf(file, sizeof file, "far%zu.safetensors", p);
        for (int which = p < 2 ? 0 : 1; which < 2; which++) {
            clade_recipe *recipe = which == 0 ? two : three;
            clade_free(recipe->parents[p].path);
            assert_non_null(recipe->parents[p].path = clade_strdup(path_in(folder, file)));
            zoo_set(recipe, "weight", p, p == 0 ? 0.7 : p == 1 ? 0.3 : 0);
        }
    }
    zoo_made a = zoo_make(two, 0, false), b = zoo_make(three, 0, false);
    const clade_tensor *x = clade_child_find(a.child, "model.layers.1.w"), *y = clade_child_find(b.child, x->name);
    double parents[2] = {0, 0}, norm = 0;
    for (size_t i = 0; i < x->count; i++) {
        assert_near((double)zoo_float(x, i), (double)zoo_float(y, i), 1e-6);
        norm += (double)zoo_float(x, i) * (double)zoo_float(x, i);
        for (size_t p = 0; p < 2; p++) {
            double v = (double)zoo_float(clade_checkpoint_find(clade_family_parent(a.family, p), x->name), i);
            parents[p] += v * v;
        }
    }
    /* Nearly orthogonal parents of nearly one norm: the norm is kept where a linear mean would lose it (0.76). */
    assert_near(sqrt(norm / parents[0]), 1, 0.03);
    zoo_drop(&a);
    zoo_drop(&b);
    clade_recipe_free(two);
    clade_recipe_free(three);
}

static void cancelling_weights(void **state)
{
    static const char *const names[] = {"linear", "slerp"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        clade_recipe *recipe = recipe_of(clade_method_find(names[i]), 2);
        clade_family *family;
        clade_child *child;
        zoo_set(recipe, "weight", 0, 0.5);
        zoo_set(recipe, "weight", 1, -0.5);
        assert_ok(zoo_family(recipe, &family));
        assert_ok(clade_child_new(family, NULL, &child));
        assert_fails(clade_child_make(child, recipe), CLADE_EEVAL,
                     "tensor embed.weight: the weights of the 2 parents sum to 0");
        clade_child_free(child);
        clade_family_close(family);
        clade_recipe_free(recipe);
    }
}

/* One hash over the children of all methods. */
static void print_hashes(void)
{
    size_t count;
    const clade_method *const *methods = clade_methods(&count);
    for (size_t i = 0; i < count; i++) {
        char hex[CLADE_SHA256_HEX];
        if ((methods[i]->laws & CLADE_LAW_EXACT_BITS) == 0 || methods[i]->statistics || methods[i]->adapters)
            continue;
        clade_recipe *recipe = recipe_of(methods[i], methods[i]->max_parents < 3 ? methods[i]->max_parents : 3);
        zoo_set_mixed(recipe);
        recipe->has_dtype = true;
        recipe->dtype = CLADE_BF16;
        zoo_hash(recipe, 0, false, hex);
        printf("%s ", hex);
        clade_recipe_free(recipe);
    }
}

/* The table of kernels is chosen once per process, so the others are tried in processes of their own. */
static void kernels_agree(void **state)
{
    static const char *const tables[] = {"portable", "avx2", "avx512"};
    char program[TEST_PATH], first[16384] = "", other[16384];
    (void)state;
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_in_range(length, 1, sizeof program - 1);
    program[length] = '\0';
    for (size_t i = 0; i < 3; i++) {
        char command[3 * TEST_PATH];
        snprintf(command, sizeof command, "CLADE_KERNELS=%s '%s' '%s'", tables[i], program, folder);
        FILE *pipe = popen(command, "r");
        assert_non_null(pipe);
        assert_non_null(fgets(i == 0 ? first : other, sizeof other, pipe));
        assert_int_equal(pclose(pipe), 0);
        if (i > 0)
            assert_string_equal(first, other);
    }
}

/* A model of its own: nothing in common with the base. */
static void write_far(const char *name, uint64_t seed)
{
    static float values[ZOO_LARGEST];
    static const uint64_t shape[2] = {100, 200};
    clade_rng rng = clade_rng_seeded(seed, 7);
    char path[TEST_PATH];
    for (size_t i = 0; i < ZOO_LARGEST; i++)
        values[i] = (float)(2 * clade_rng_uniform(&rng) - 1);
    clade_tensor tensor = {.name = "model.layers.1.w",
                           .dtype = CLADE_F32,
                           .rank = 2,
                           .shape = shape,
                           .count = ZOO_LARGEST,
                           .bytes = sizeof values,
                           .data = values};
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_ok(clade_safetensors_write(path, &tensor, 1, NULL, NULL));
}

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    zoo_write(folder, "base", CLADE_F32, ZOO_BASE, 0);
    zoo_write(folder, "p0", CLADE_F32, ZOO_TUNED, 10);
    zoo_write(folder, "p1", CLADE_F16, ZOO_TUNED, 11);
    zoo_write(folder, "p2", CLADE_F32, ZOO_TUNED, 12);
    zoo_write(folder, "stepped", CLADE_F32, ZOO_STEPPED, 13);
    write_far("far0", 1);
    write_far("far1", 2);
    write_far("far2", 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

/* With a folder of models, only print the hashes of their children. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_one),        cmocka_unit_test(exact_k),
        cmocka_unit_test(drop_and_rescale),   cmocka_unit_test(slerp_of_three),
        cmocka_unit_test(cancelling_weights), cmocka_unit_test(kernels_agree),
    };
    if (argc == 2) {
        snprintf(folder, sizeof folder, "%s", argv[1]);
        print_hashes();
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
