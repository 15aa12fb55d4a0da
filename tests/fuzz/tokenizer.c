/* Whatever the bytes of tokenizer.json, or of tokenizer_config.json beside a good vocab.txt: no crash, no leak, and what
 * is accepted is consistent: every token is found by its text and by its number. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "io/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH = 1024 };

static void check(int law)
{
    if (!law)
        abort();
}

static void write_file(const char *folder, const char *name, const void *data, size_t size)
{
    char path[PATH + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    check(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void remove_file(const char *folder, const char *name)
{
    char path[PATH + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

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

static char *folder_of_files(void)
{
    static char folder[PATH];
    return folder;
}

static void remove_folder(void)
{
    rmdir(folder_of_files());
}

/* Made at the first call, removed when the program ends. */
static const char *files(void)
{
    char *folder = folder_of_files();
    if (folder[0])
        return folder;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, PATH, "%s/clade-fuzz-XXXXXX", parent && parent[0] ? parent : "/tmp");
    check(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
    return folder;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char vocabulary[] = "a\nb\n[UNK]\n";
    const char *folder = files();
    write_file(folder, "tokenizer.json", data, size);
    read_folder(folder);
    remove_file(folder, "tokenizer.json");
    write_file(folder, "tokenizer_config.json", data, size);
    write_file(folder, "vocab.txt", vocabulary, strlen(vocabulary));
    read_folder(folder);
    remove_file(folder, "tokenizer_config.json");
    remove_file(folder, "vocab.txt");
    return 0;
}
