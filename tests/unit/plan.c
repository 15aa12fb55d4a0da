/* Plans: which tensors the child has, where they come from, their dtypes and rules, and every problem at once. */
#include "plan_fixture.h"

#include "merge/plan.h"

static char folder[TEST_PATH];

#define LENGTH(ARRAY) (sizeof(ARRAY) / sizeof(ARRAY)[0])

static const clade_target *target_of(const planned *made, const char *name)
{
    for (size_t i = 0; i < made->plan->count; i++)
        if (strcmp(made->plan->targets[i].tensor.name, name) == 0)
            return &made->plan->targets[i];
    fail_msg("no target %s", name);
    return NULL;
}

#define TWO_PARENTS(A, B)                                                                                              \
    "\"parents\": [{\"name\": \"a\", \"path\": \"" A "\"}, {\"name\": \"b\", \"path\": \"" B "\"}]"
#define ALL_TENSORS "\"rules\": [{\"tensors\": [\"*\"]}]"

static void write_models(void)
{
    static const char untied[] = "{\"tie_word_embeddings\": false}", tied[] = "{\"tie_word_embeddings\": true}";
    static const model_tensor plain[] = {{"x", CLADE_F32, 2, {3, 4}},
                                         {"model.layers.0.w", CLADE_BF16, 1, {8}},
                                         {"ids", CLADE_I64, 1, {4}},
                                         {"scalar", CLADE_F16, 0, {0}},
                                         {"empty", CLADE_F32, 2, {0, 3}}};
    static const model_tensor half[] = {{"x", CLADE_F16, 2, {3, 4}},
                                        {"model.layers.0.w", CLADE_F16, 1, {8}},
                                        {"ids", CLADE_I64, 1, {4}},
                                        {"scalar", CLADE_F16, 0, {0}},
                                        {"empty", CLADE_BF16, 2, {0, 3}}};
    static const model_tensor other[] = {
        {"x", CLADE_F32, 2, {4, 3}}, {"ids", CLADE_F32, 1, {4}}, {"extra", CLADE_F32, 1, {2}}};
    static const model_tensor own[] = {{"model.embed_tokens.weight", CLADE_F32, 2, {4, 2}},
                                       {"lm_head.weight", CLADE_F32, 2, {4, 2}}};
    static const model_tensor eight[] = {{"x", CLADE_F8_E4M3, 1, {4}}};
    write_model(folder, "plain", plain, LENGTH(plain), 1, NULL);
    write_model(folder, "half", half, LENGTH(half), 2, NULL);
    write_model(folder, "other", other, LENGTH(other), 3, NULL);
    write_model(folder, "own", own, LENGTH(own), 4, untied);
    write_model(folder, "shared", own, 1, 5, tied);
    write_model(folder, "lacking", own, 1, 5, untied);
    write_model(folder, "eight", eight, 1, 6, NULL);
}

/* ---- what there is ---- */

static void names_and_dtypes(void **state)
{
    static const struct {
        const char *json, *name;
        clade_dtype dtype;
    } rows[] = {
        {"", "x", CLADE_F32},                               /* F32 and F16 */
        {"", "model.layers.0.w", CLADE_F32},                /* BF16 and F16 */
        {"", "scalar", CLADE_F16},                          /* both */
        {"", "empty", CLADE_F32},                           /* F32 and BF16 */
        {"\"dtype\": \"bfloat16\",", "scalar", CLADE_BF16}, /* for all */
        {"\"dtype\": \"bfloat16\", \"out_dtype\": \"float64\",", "x", CLADE_F64},
        {"\"out_dtype\": \"float16\",", "ids", CLADE_I64}, /* integers stay */
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        char json[1024];
        planned made;
        snprintf(json, sizeof json, "{\"clade_recipe\": 1, \"method\": \"linear\", %s %s, %s}", rows[i].json,
                 TWO_PARENTS("plain", "half"), ALL_TENSORS);
        assert_ok(plan_try(folder, json, &made));
        assert_int_equal(made.plan->count, 5);
        for (size_t t = 1; t < made.plan->count; t++)
            assert_true(strcmp(made.plan->targets[t - 1].tensor.name, made.plan->targets[t].tensor.name) < 0);
        const clade_target *target = target_of(&made, rows[i].name);
        assert_int_equal(target->tensor.dtype, rows[i].dtype);
        assert_int_equal(target->tensor.bytes, target->tensor.count * clade_dtype_of(rows[i].dtype)->bits / 8);
        assert_int_equal(target->copied, rows[i].dtype == CLADE_I64);
        assert_int_equal(made.plan->elements, 12 + 8 + 4 + 1);
        assert_false(made.plan->untied);
        assert_int_equal(clade_plan_blocks(made.plan), 0);
        plan_drop(&made);
    }
}

static void who_takes_part(void **state)
{
    static const char json[] = "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS(
        "plain", "half") ","
                         "\"rules\": [{\"tensors\": [\"x\", \"none\"], \"only\": [\"b\"]}, {\"tensors\": [\"*\"]}]}";
    planned made;
    (void)state;
    assert_ok(plan_try(folder, json, &made));
    const clade_target *x = target_of(&made, "x"), *w = target_of(&made, "model.layers.0.w");
    assert_ptr_equal(x->rule, &made.recipe->rules[0]);
    assert_ptr_equal(w->rule, &made.recipe->rules[1]);
    assert_int_equal(x->n_taking_part, 1);
    assert_int_equal(x->taking_part[0], 1);
    assert_int_equal(x->tensor.dtype, CLADE_F16);
    assert_int_equal(w->n_taking_part, 2);
    assert_null(x->sources[2].tensor); /* there is no base */
    assert_false(made.plan->uses_base);
    assert_null(target_of(&made, "ids")->rule);
    plan_drop(&made);
}

/* A survey over the tensors of a rule numbers their elements in the order of names, each rule for itself. */
static void offsets_in_a_rule(void **state)
{
    static const char json[] = "{\"clade_recipe\": 1, \"method\": \"%s\", \"base\": \"plain\", " TWO_PARENTS(
        "plain", "half") ","
                         "\"rules\": [{\"tensors\": [\"x\"]}, {\"tensors\": [\"*\"]}]}";
    char text[1024];
    planned made;
    (void)state;
    snprintf(text, sizeof text, json, "ties_global");
    assert_ok(plan_try(folder, text, &made));
    assert_int_equal(target_of(&made, "x")->rule_offset, 0);
    assert_int_equal(target_of(&made, "empty")->rule_offset, 0);
    assert_int_equal(target_of(&made, "model.layers.0.w")->rule_offset, 0);
    assert_int_equal(target_of(&made, "scalar")->rule_offset, 8);
    plan_drop(&made);
    snprintf(text, sizeof text, json, "ties");
    assert_ok(plan_try(folder, text, &made));
    assert_int_equal(target_of(&made, "scalar")->rule_offset, 0);
    plan_drop(&made);
}

/* ---- what there is not ---- */

static void missing_tensors(void **state)
{
    static const char refuse[] =
        "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS("own", "lacking") "," ALL_TENSORS "}";
    static const char leave[] = "{\"clade_recipe\": 1, \"method\": \"linear\", \"missing\": \"leave_out\"," TWO_PARENTS(
        "own", "lacking") "," ALL_TENSORS "}";
    static const char shared[] =
        "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS("shared", "own") "," ALL_TENSORS "}";
    static const char both[] =
        "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS("shared", "shared") "," ALL_TENSORS "}";
    static const char based[] = "{\"clade_recipe\": 1, \"method\": \"task_arithmetic\", \"missing\": \"leave_out\", "
                                "\"base\": \"lacking\"," TWO_PARENTS("own", "own") "," ALL_TENSORS "}";
    planned made;
    (void)state;
    assert_fails(plan_try(folder, refuse, &made), CLADE_EINCOMPATIBLE, "lacking: tensor lm_head.weight is missing");
    plan_drop(&made);
    assert_ok(plan_try(folder, leave, &made));
    assert_int_equal(target_of(&made, "lm_head.weight")->n_taking_part, 1);
    assert_int_equal(target_of(&made, "model.embed_tokens.weight")->n_taking_part, 2);
    assert_false(made.plan->untied);
    plan_drop(&made);
    assert_ok(plan_try(folder, shared, &made)); /* its head is its embeddings */
    assert_ptr_equal(target_of(&made, "lm_head.weight")->sources[0].tensor,
                     target_of(&made, "model.embed_tokens.weight")->sources[0].tensor);
    assert_true(made.plan->untied);
    plan_drop(&made);
    assert_ok(plan_try(folder, both, &made)); /* and so is the child's */
    assert_int_equal(made.plan->count, 1);
    assert_false(made.plan->untied);
    plan_drop(&made);
    assert_fails(plan_try(folder, based, &made), CLADE_EINCOMPATIBLE, "lm_head.weight: the base has no part in it");
    plan_drop(&made);
}

static void all_problems_at_once(void **state)
{
    static const char two[] =
        "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS("plain", "other") "," ALL_TENSORS "}";
    static const char eight[] =
        "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS("eight", "eight") "," ALL_TENSORS "}";
    static const char no_rule[] = "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS(
        "plain", "half") ","
                         "\"rules\": [{\"tensors\": [\"x\"]}]}";
    static const char alone[] = "{\"clade_recipe\": 1, \"method\": \"nearswap\", " TWO_PARENTS(
        "plain", "half") ","
                         "\"rules\": [{\"tensors\": [\"x\"], \"only\": [\"a\"], \"parameters\": {\"t\": 1}},"
                         "            {\"tensors\": [\"*\"], \"parameters\": {\"t\": 1}}]}";
    planned made;
    (void)state;
    assert_fails(plan_try(folder, two, &made), CLADE_EINCOMPATIBLE, "plain: tensor extra is missing");
    assert_non_null(strstr(clade_error_message(), "other: tensor x: found shape [4, 3], expected [3, 4]"));
    assert_non_null(strstr(clade_error_message(), "other: tensor ids: found dtype F32, expected I64"));
    assert_non_null(strstr(clade_error_message(), "other: tensor scalar is missing"));
    plan_drop(&made);
    assert_fails(plan_try(folder, eight, &made), CLADE_EINCOMPATIBLE, "found dtype F8_E4M3, expected F32");
    plan_drop(&made);
    assert_fails(plan_try(folder, no_rule, &made), CLADE_ECONFIG, "no rule of the recipe matches it");
    plan_drop(&made);
    clade_status status = plan_try(folder, alone, &made);
    assert_true(status == CLADE_ECONFIG || status == CLADE_EINCOMPATIBLE); /* too few parents for the method */
    assert_non_null(strstr(clade_error_message(), "1"));
    plan_drop(&made);
}

/* Twenty lines are enough to see what is wrong with a thousand tensors. */
static void many_problems(void **state)
{
    enum { MANY = 1000, NAME = 24 };
    static char names[MANY][NAME];
    static model_tensor tensors[MANY];
    static const char json[] =
        "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS("many", "wrong") "," ALL_TENSORS "}";
    planned made;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], NAME, "layers.%zu.w", i);
        tensors[i] = (model_tensor){names[i], CLADE_F32, 1, {4, 0}};
    }
    write_model(folder, "many", tensors, MANY, 1, NULL);
    for (size_t i = 0; i < MANY; i++)
        tensors[i].shape[0] = 5;
    write_model(folder, "wrong", tensors, MANY, 1, NULL);
    assert_fails(plan_try(folder, json, &made), CLADE_EINCOMPATIBLE, "found shape [5], expected [4]");
    size_t lines = 1;
    for (const char *c = clade_error_message(); *c; c++)
        lines += *c == '\n';
    assert_in_range(lines, 20, 22);
    assert_non_null(strstr(clade_error_message(), "more"));
    plan_drop(&made);
}

static clade_status plan_stacked(void *context)
{
    planned made;
    clade_status status = plan_try(folder, context, &made);
    plan_drop(&made);
    return status;
}

/* Every allocation may fail; the recipe's own are tested elsewhere, but are in the way here. */
static void allocations(void **state)
{
    static char json[] = "{\"clade_recipe\": 1, \"method\": \"ties_global\", \"base\": \"plain\", " TWO_PARENTS(
        "plain", "half") "," ALL_TENSORS "}";
    static char stacked[] = "{\"clade_recipe\": 1, \"method\": \"linear\", " TWO_PARENTS(
        "plain", "half") "," ALL_TENSORS ","
                         "\"stacks\": [{\"blocks\": \"model.layers.\", \"slices\": [{\"a\": [0, 1], \"b\": [0, 1]}, "
                         "{\"a\": [0, 1], \"b\": [0, 1]}]}]}";
    planned made;
    (void)state;
    assert_ok(plan_try(folder, stacked, &made));
    assert_int_equal(clade_plan_blocks(made.plan), 2);
    assert_string_equal(target_of(&made, "model.layers.1.w")->sources[0].tensor->name, "model.layers.0.w");
    plan_drop(&made);
    check_every_allocation(plan_stacked, json);
    check_every_allocation(plan_stacked, stacked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_dtypes), cmocka_unit_test(who_takes_part),       cmocka_unit_test(offsets_in_a_rule),
        cmocka_unit_test(missing_tensors),  cmocka_unit_test(all_problems_at_once), cmocka_unit_test(many_problems),
        cmocka_unit_test(allocations),
    };
    make_temporary_folder(folder);
    write_models();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_temporary_folder(folder);
    return failed;
}
