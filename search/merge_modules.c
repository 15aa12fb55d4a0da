/* What a tensor of a block belongs to, told from its name alone, whatever the architecture is. In this order:
 *
 *   norm       the name has a word of norms ("post_attention_layernorm" is one, and so is "self_attn.q_norm")
 *   attention  it has a word of attention ("attention.output.dense" is)
 *   mlp        it has a word of feed-forward layers ("output.dense" of BERT is)
 *   other      none of these: layer scales, adapters, convolutions
 *
 * Words are looked for in what follows the number of the block, in lower case. */
#include <string.h>

#include "search/merge_parts.h"

static const char *const norm_words[] = {"norm", "ln_", "ln."};
static const char *const attention_words[] = {"attn",   "attention", "q_proj", "k_proj", "v_proj",
                                              "o_proj", "qkv",       "query",  "key.",   "value."};
static const char *const mlp_words[] = {"mlp",   "ffn", "fc",     "feed_forward", "feedforward", "intermediate",
                                        "dense", "moe", "expert", "gate_proj",    "up_proj",     "down_proj",
                                        "wi_",   "w1.", "w2.",    "w3."};

enum { LONGEST_TAIL = 256 };

static bool has_word(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

clade_module clade_module_of(const char *name, const clade_depth *depth)
{
    char tail[LONGEST_TAIL];
    size_t n = 0;
    for (const char *at = name + depth->stack_length; *at && n + 1 < sizeof tail; at++)
        tail[n++] = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    tail[n] = '\0';
    if (has_word(tail, norm_words, sizeof norm_words / sizeof *norm_words))
        return CLADE_MODULE_NORM;
    if (has_word(tail, attention_words, sizeof attention_words / sizeof *attention_words))
        return CLADE_MODULE_ATTENTION;
    if (has_word(tail, mlp_words, sizeof mlp_words / sizeof *mlp_words))
        return CLADE_MODULE_MLP;
    return CLADE_MODULE_OTHER;
}

const char *clade_module_name(clade_module module)
{
    static const char *const names[CLADE_MODULES] = {"attention", "mlp", "norm", "other"};
    return names[module];
}
