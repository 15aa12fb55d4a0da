/* Laws of merge methods: parents to try them on, and running a table of laws over the registry. */
#ifndef CLADE_METHOD_LAWS_H
#define CLADE_METHOD_LAWS_H

#include "merge_zoo.h"

#include "clade/linalg.h"

static char folder[TEST_PATH];

static inline clade_recipe *recipe_of(const clade_method *method, size_t n_parents)
{
    return zoo_recipe(folder, method, n_parents, NULL);
}

/* As many parents as the method takes, of the three that there are. */
static inline size_t most_parents(const clade_method *method)
{
    return method->max_parents < 3 ? method->max_parents : 3;
}

static inline bool promises(const clade_method *method, clade_law law)
{
    return (method->laws & (unsigned)law) != 0;
}

static inline bool has(const clade_method *method, const char *parameter)
{
    return clade_method_parameter(method, parameter) < method->n_parameters;
}

/* Overwrite element 123 of head.weight in a copy of p1. */
static inline void write_poisoned(const char *name, float value)
{
    char path[TEST_PATH];
    clade_safetensors *file;
    zoo_write(folder, name, CLADE_F32, ZOO_TUNED, 11);
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_ok(clade_safetensors_open(path, &file));
    size_t index = 0;
    while (strcmp(clade_safetensors_at(file, index)->name, "head.weight") != 0)
        index++;
    long offset = (long)(8 + clade_safetensors_header_bytes(file) + clade_safetensors_begin(file, index)) + 4 * 123;
    clade_safetensors_close(file);
    FILE *stream = fopen(path, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(&value, sizeof value, 1, stream), 1);
    assert_int_equal(fclose(stream), 0);
}

static inline int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    zoo_write(folder, "base", CLADE_F32, ZOO_BASE, 0);
    zoo_write(folder, "p0", CLADE_F32, ZOO_TUNED, 10);
    zoo_write(folder, "p1", CLADE_F32, ZOO_TUNED, 11);
    zoo_write(folder, "p2", CLADE_F32, ZOO_TUNED, 12);
    zoo_write(folder, "f32", CLADE_F32, ZOO_TUNED, 14);
    zoo_write(folder, "f16", CLADE_F16, ZOO_TUNED, 14);
    zoo_write(folder, "bf16", CLADE_BF16, ZOO_TUNED, 14);
    zoo_write(folder, "f64", CLADE_F64, ZOO_TUNED, 14);
    zoo_write_statistics(folder, "fisher");
    zoo_write_statistics(folder, "gram");
    write_poisoned("nan", NAN);
    write_poisoned("infinite", INFINITY);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

/* Laws of every method; the name of a failing method is printed. */
typedef struct law {
    const char *name;
    void (*check)(const clade_method *method);
} law;

static inline void run_law(void **state)
{
    const law *one = *state;
    size_t count;
    const clade_method *const *methods = clade_methods(&count);
    assert_true(count >= 6);
    for (size_t i = 0; i < count; i++) {
        if (methods[i]->adapters) /* their parents are not checkpoints */
            continue;
        print_message("%s: %s\n", one->name, methods[i]->name);
        one->check(methods[i]);
    }
}

/* Every law of LAWS (COUNT, at most 32) for every method. */
static inline int run_laws(const law *laws, size_t count)
{
    struct CMUnitTest tests[32];
    clade_blas_single_thread();
    assert_true(count <= 32);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = laws[i].name, .test_func = run_law, .initial_state = (void *)(uintptr_t)&laws[i]};
    return _cmocka_run_group_tests("laws", tests, count, set_up, tear_down);
}

#endif
