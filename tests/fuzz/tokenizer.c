/* Whatever the bytes of tokenizer.json, or of tokenizer_config.json beside a good vocab.txt: no crash, no leak, and what
 * is accepted is consistent: every token is found by its text and by its number. */
#include "io/tokenizer.h"
#include "fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_folder(const char *folder)
{
    clade_tokenizer *tokenizer;
    if (clade_tokenizer_read(folder, &tokenizer) == CLADE_OK) {
        for (size_t i = 0; i < tokenizer->table.count; i++) {
            const clade_token *token = &tokenizer->table.tokens[i];
            check(token->id < tokenizer->n_ids && tokenizer->by_id[token->id] == token);
            check(clade_token_find(&tokenizer->table, token->text) == token);
        }
        check(tokenizer->n_ids <= CLADE_TOKEN_MAX_ID + 1 && tokenizer->vocabulary_count <= tokenizer->table.count);
    } else {
        check(tokenizer == NULL);
    }
    clade_tokenizer_free(tokenizer);
    check(clade_alloc_live() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char vocabulary[] = "a\nb\n[UNK]\n";
    const char *folder = scratch_folder();
    scratch_write("tokenizer.json", data, size);
    read_folder(folder);
    scratch_remove("tokenizer.json");
    scratch_write("tokenizer_config.json", data, size);
    scratch_write("vocab.txt", vocabulary, strlen(vocabulary));
    read_folder(folder);
    scratch_remove("tokenizer_config.json");
    scratch_remove("vocab.txt");
    return 0;
}
