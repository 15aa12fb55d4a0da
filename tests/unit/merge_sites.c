/* Sites finer than layers, named groups, levels from coarse to fine, on tiny families. */
#include "merge_fixture.h"
#include "near.h"

#include "search/merge_parts.h"

/* Two blocks with attention, MLP and norms. */
static const char *const modular_names[FAMILY_TENSORS] = {
    "lm_head.weight",
    "model.embed_tokens.weight",
    "model.layers.0.input_layernorm.weight",
    "model.layers.0.mlp.up_proj.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.0.self_attn.v_proj.weight",
    "model.layers.1.mlp.up_proj.weight",
    "model.layers.1.self_attn.q_proj.weight",
    "model.norm.weight",
};

static family_fixture modular, flat;

static void check_names(const clade_merge_space *space, const char *const *names, size_t count)
{
    assert_int_equal(clade_merge_space_sites(space), count);
    for (size_t s = 0; s < count; s++)
        assert_string_equal(clade_merge_space_site_name(space, s), names[s]);
}

static clade_merge_space *make_space(const family_fixture *f, const clade_merge_space_plan *plan)
{
    clade_merge_space *space;
    assert_ok(clade_merge_space_new(plan, f->family, &space));
    return space;
}

static void modules(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic"};
    static const char *const sites[] = {
        "before", "layer 0 attention", "layer 0 mlp", "layer 0 norm", "layer 1 attention", "layer 1 mlp", "after"};
    clade_merge_space *space = new_space(&modular, names, 1, "module", "full");
    const clade_space *genes = clade_merge_space_genes(space);
    double genome[32];
    char hash[CLADE_SHA256_HEX];
    check_names(space, sites, 7);
    assert_int_equal(genes->n_genes, 3 * 7);
    for (size_t g = 0; g < genes->n_genes; g++)
        genome[g] = 0.01 * (double)(g + 1);
    clade_recipe *recipe = decode(space, genome, hash);
    static const size_t site_of[FAMILY_TENSORS] = {6, 0, 3, 2, 1, 1, 5, 4, 6};
    for (size_t t = 0; t < FAMILY_TENSORS; t++)
        for (size_t p = 0; p < 3; p++)
            assert_true(parent_value(recipe, modular_names[t], "weight", p) == genome[7 * p + site_of[t]]);
    assert_string_equal(clade_recipe_rule(recipe, modular_names[5])->patterns[0], "model.layers.0.self_attn.*");
    assert_int_equal(clade_recipe_rule(recipe, modular_names[5])->n_patterns, 1);
    clade_recipe_free(recipe);
    clade_merge_space_free(space);
}

/* Names of twelve architectures. */
static void module_words(void **state)
{
    static const struct {
        clade_module module;
        const char *name;
    } cases[] = {
        {CLADE_MODULE_ATTENTION, "vision_model.encoder.layers.0.self_attn.out_proj.bias"},
        {CLADE_MODULE_MLP, "vision_model.encoder.layers.0.mlp.fc1.weight"},
        {CLADE_MODULE_NORM, "vision_model.encoder.layers.0.layer_norm2.weight"},
        {CLADE_MODULE_ATTENTION, "visual.transformer.resblocks.0.attn.in_proj_weight"},
        {CLADE_MODULE_NORM, "visual.transformer.resblocks.0.ln_1.bias"},
        {CLADE_MODULE_ATTENTION, "bert.encoder.layer.0.attention.output.dense.weight"},
        {CLADE_MODULE_NORM, "bert.encoder.layer.0.attention.output.LayerNorm.weight"},
        {CLADE_MODULE_MLP, "bert.encoder.layer.0.output.dense.weight"},
        {CLADE_MODULE_ATTENTION, "distilbert.transformer.layer.0.attention.k_lin.weight"},
        {CLADE_MODULE_MLP, "distilbert.transformer.layer.0.ffn.lin1.weight"},
        {CLADE_MODULE_NORM, "distilbert.transformer.layer.0.sa_layer_norm.weight"},
        {CLADE_MODULE_MLP, "transformer.h.0.mlp.c_proj.weight"},
        {CLADE_MODULE_ATTENTION, "transformer.h.0.attn.c_proj.weight"},
        {CLADE_MODULE_ATTENTION, "decoder.block.0.layer.1.EncDecAttention.k.weight"},
        {CLADE_MODULE_MLP, "encoder.block.0.layer.1.DenseReluDense.wi_0.weight"},
        {CLADE_MODULE_NORM, "model.layers.0.post_attention_layernorm.weight"},
        {CLADE_MODULE_NORM, "model.layers.0.self_attn.q_norm.weight"},
        {CLADE_MODULE_MLP, "model.layers.0.block_sparse_moe.experts.3.w1.weight"},
        {CLADE_MODULE_OTHER, "dinov2.encoder.layer.0.layer_scale1.lambda1"},
        {CLADE_MODULE_OTHER, "resnet.encoder.stages.0.layers.0.layer.0.convolution.weight"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_depth depth;
        assert_ok(clade_depths_of(&cases[i].name, 1, &depth));
        assert_int_equal(depth.block, 0);
        if (clade_module_of(cases[i].name, &depth) != cases[i].module)
            fail_msg("%s is %s", cases[i].name, clade_module_name(clade_module_of(cases[i].name, &depth)));
    }
}

static void tensors(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic"};
    clade_merge_space *space = new_space(&modular, names, 1, "tensor", "full");
    static const char *const sites[] = {
        "model.embed_tokens.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.self_attn.v_proj.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.input_layernorm.weight",
        "model.layers.1.self_attn.q_proj.weight",
        "model.layers.1.mlp.up_proj.weight",
        "lm_head.weight",
        "model.norm.weight",
    };
    check_names(space, sites, 9);
    clade_merge_space_free(space);
    space = new_space(&flat, names, 1, "tensor", "full");
    check_names(space, flat_names, FAMILY_TENSORS);
    clade_merge_space_free(space);
}

/* The first group that matches; what is left is the site "rest". Genes are in the order given, sites by depth. */
static void named_groups(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("task_arithmetic")};
    char *late[] = {(char *)"model.layers.1.*", (char *)"model.norm.*"}, *early[] = {(char *)"model.layers.*"};
    const clade_named_site groups[] = {{(char *)"late", late, 2}, {(char *)"early", early, 1}};
    clade_merge_space_plan plan = family_plan(&modular, methods, 1, "groups", "full");
    plan.named_sites = groups;
    plan.n_named_sites = 2;
    clade_merge_space *space = make_space(&modular, &plan);
    const clade_space *genes = clade_merge_space_genes(space);
    static const char *const sites[] = {"late", "early", "rest"};
    check_names(space, sites, 3);
    double genome[9];
    char hash[CLADE_SHA256_HEX];
    for (size_t g = 0; g < 9; g++)
        genome[g] = 0.1 * (double)(g % 3 + 1);
    clade_recipe *recipe = decode(space, genome, hash);
    static const double expected[FAMILY_TENSORS] = {2, 2, 1, 1, 1, 1, 0, 0, 0};
    for (size_t t = 0; t < FAMILY_TENSORS; t++)
        assert_true(parent_value(recipe, modular_names[t], "weight", 0) == genome[(size_t)expected[t]]);
    /* mean depths: late (2/3 2/3 1), early 1/3, rest (0 1) */
    assert_int_equal(genes->genes[gene_index(genes, "weight.fashion@early")].site, 0);
    assert_int_equal(genes->genes[gene_index(genes, "weight.fashion@rest")].site, 1);
    assert_int_equal(genes->genes[gene_index(genes, "weight.fashion@late")].site, 2);
    clade_recipe_free(recipe);
    clade_merge_space_free(space);
    char *all[] = {(char *)"*"};
    const clade_named_site whole[] = {{(char *)"all", all, 1}};
    plan.named_sites = whole;
    plan.n_named_sites = 1;
    space = make_space(&modular, &plan);
    check_names(space, (const char *const[]){"all"}, 1);
    clade_merge_space_free(space);
}

/* ---- levels ---- */

static void level_names(const family_fixture *f, const char *sites, const char *const *expected, size_t count)
{
    const char *const names[] = {"task_arithmetic", "ties"};
    clade_merge_space *space = new_space(f, names, 2, sites, "full");
    size_t n;
    const clade_space_level *levels = clade_merge_space_levels(space, &n);
    assert_int_equal(n, count);
    for (size_t l = 0; l < n; l++)
        assert_string_equal(levels[l].name, expected[l]);
    clade_merge_space_free(space);
}

static void levels(void **state)
{
    (void)state;
    level_names(&modular, "layer", NULL, 0);
    level_names(&modular, "auto", (const char *const[]){"model", "depth:3", "layer", "module"}, 4);
    level_names(&modular, "model,layer,tensor", (const char *const[]){"model", "layer", "tensor"}, 3);
    level_names(&modular, "model,depth:3", (const char *const[]){"model", "depth:3"}, 2);
    level_names(&flat, "auto", (const char *const[]){"model", "tensor"}, 2);
    /* four depths in four parts: nothing to untie from depth:4 to layer */
    level_names(&modular, "model,depth:4,layer", (const char *const[]){"model", "layer"}, 2);
}

/* Each level ties more than the next one, ties genes of one kind only, and groups count up from 0. */
static void level_laws(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic", "dare_ties", "linear"};
    static const char *const coordinates[] = {"full", "product"}, *const sites[] = {"auto", "model,depth:2,tensor"};
    for (size_t v = 0; v < 4; v++) {
        clade_merge_space *space = new_space(&modular, names, 3, sites[v / 2], coordinates[v % 2]);
        const clade_space *genes = clade_merge_space_genes(space);
        size_t n;
        const clade_space_level *all = clade_merge_space_levels(space, &n);
        assert_true(n >= 2);
        assert_int_equal(all[n - 1].n_groups, genes->n_genes);
        for (size_t l = 0; l < n; l++) {
            size_t next = 0;
            for (size_t g = 0; g < genes->n_genes; g++) {
                assert_true(all[l].group[g] <= next && all[l].group[g] < all[l].n_groups);
                next += all[l].group[g] == next;
                for (size_t h = 0; h < g; h++) {
                    const clade_gene *a = &genes->genes[g], *b = &genes->genes[h];
                    const bool tied = all[l].group[g] == all[l].group[h];
                    assert_true(!tied || (a->slot == b->slot && a->parent == b->parent && a->kind == b->kind &&
                                          a->site != b->site && a->active_in == b->active_in));
                    assert_true(l + 1 == n || tied || all[l + 1].group[g] != all[l + 1].group[h]);
                }
            }
            assert_int_equal(next, all[l].n_groups);
            assert_true(l == 0 || all[l].n_groups > all[l - 1].n_groups);
        }
        clade_merge_space_free(space);
    }
}

/* Law: tied genes say at every tensor what the coarse space's own genome says, and so make the same child. */
static void coarse_is_coarse(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic", "dare_ties", "linear"};
    static const char *const coarse_sites[] = {"model", "layer"}, *const coordinates[] = {"full", "product"};
    for (size_t v = 0; v < 4; v++) {
        clade_merge_space *fine = new_space(&modular, names, 3, "model,layer,module", coordinates[v % 2]);
        clade_merge_space *coarse = new_space(&modular, names, 3, coarse_sites[v / 2], coordinates[v % 2]);
        const clade_space *genes = clade_merge_space_genes(fine), *few = clade_merge_space_genes(coarse);
        size_t n;
        const clade_space_level *level = &clade_merge_space_levels(fine, &n)[v / 2];
        const clade_child_options options = {0};
        clade_child *child;
        assert_ok(clade_child_new(modular.family, &options, &child));
        /* A space of one site has no factors: the model's level of "product" has one gene more for them. */
        const size_t more = v == 1 ? 1 : 0;
        assert_int_equal(level->n_groups, few->n_genes + more);
        for (uint64_t trial = 0; trial < 6; trial++) {
            double little[64], tied[256];
            char hash[CLADE_SHA256_HEX], made[2][CLADE_SHA256_HEX];
            clade_rng rng = clade_rng_keyed(&trial, 1);
            clade_space_sample(few, &rng, little);
            little[0] = (double)(trial % 3);
            for (size_t g = 0; g < genes->n_genes; g++) {
                const size_t group = level->group[g];
                const bool factor = more > 0 && strncmp(genes->genes[g].name, "strength@", 9) == 0;
                tied[g] = factor ? 1 : little[group - (more > 0 && group + 1 == level->n_groups ? 1 : 0)];
            }
            clade_recipe *a = decode(coarse, little, hash), *b = decode(fine, tied, hash);
            for (size_t t = 0; t < FAMILY_TENSORS; t++)
                for (size_t p = 0; p < 3; p++)
                    assert_true(parent_value(a, modular_names[t], "weight", p) ==
                                parent_value(b, modular_names[t], "weight", p));
            assert_ok(clade_child_make(child, a));
            clade_child_hash(child, made[0]);
            assert_ok(clade_child_make(child, b));
            clade_child_hash(child, made[1]);
            assert_string_equal(made[0], made[1]);
            clade_recipe_free(a);
            clade_recipe_free(b);
        }
        clade_child_free(child);
        clade_merge_space_free(fine);
        clade_merge_space_free(coarse);
    }
}

/* ---- refusals ---- */

static void refuse(const family_fixture *f, const clade_merge_space_plan *plan, const char *part)
{
    clade_merge_space *space;
    const size_t live = clade_alloc_live();
    assert_fails(clade_merge_space_new(plan, f->family, &space), CLADE_ECONFIG, part);
    assert_int_equal(clade_alloc_live(), live);
}

static void refusals(void **state)
{
    (void)state;
    const clade_method *adding[] = {method("task_arithmetic")};
    static const struct {
        const char *sites, *part;
        bool flat;
    } cases[] = {
        {"modules", "did you mean \"module\"", false},
        {"model,layers", "unknown \"layers\"; did you mean \"layer\"", false},
        {"layer,model", "expected levels from coarse to fine", false},
        {"layer,layer", "expected levels from coarse to fine", false},
        {"model,", "space.sites: unknown \"\"", false},
        {"model,auto", "unknown \"auto\"", false},
        {"module", "needs a stack of blocks", true},
        {"model,layer,tensor", "\"layer\" needs a stack of blocks", true},
        {"groups", "space.sites.groups: found no group", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const family_fixture *f = cases[i].flat ? &flat : &modular;
        const clade_merge_space_plan plan = family_plan(f, adding, 1, cases[i].sites, "full");
        refuse(f, &plan, cases[i].part);
    }
    char *some[] = {(char *)"model.layers.*"}, *none[] = {(char *)"model.layer.*"};
    const clade_named_site shadowed[] = {{(char *)"a", some, 1}, {(char *)"b", some, 1}},
                           typo[] = {{(char *)"a", none, 1}}, rest[] = {{(char *)"rest", some, 1}};
    clade_merge_space_plan plan = family_plan(&modular, adding, 1, "groups", "full");
    plan.named_sites = shadowed;
    plan.n_named_sites = 2;
    refuse(&modular, &plan, "space.sites.groups.b: found no tensor that is not in a group before it");
    plan.named_sites = typo;
    plan.n_named_sites = 1;
    refuse(&modular, &plan, "space.sites.groups.a: the pattern \"model.layer.*\" matches no tensor");
    plan.named_sites = rest;
    refuse(&modular, &plan, "expected another name");
}

static int open_families(void **state)
{
    (void)state;
    family_init(&modular, modular_names);
    family_init(&flat, flat_names);
    return 0;
}

static int close_families(void **state)
{
    (void)state;
    family_fini(&modular);
    family_fini(&flat);
    return nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules),          cmocka_unit_test(module_words), cmocka_unit_test(tensors),
        cmocka_unit_test(named_groups),     cmocka_unit_test(levels),       cmocka_unit_test(level_laws),
        cmocka_unit_test(coarse_is_coarse), cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, open_families, close_families);
}
