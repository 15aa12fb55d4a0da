/* The texts of the tokens are decoded into one block per place they come from. A block of as many bytes as its file is
 * large enough: a token is written there with at least a pair of quotes, here with one NUL. */
#include "io/tokenizer.h"

#include <string.h>

#include "base/json_walk.h"
#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/json.h"
#include "clade/utf8.h"
#include "io/bytes.h"

enum { IDS_A_TOKEN = 16, LEAST_IDS = 1 << 16 };

/* A file on its way into a tokenizer. */
typedef struct source {
    clade_tokenizer *tokenizer;
    char *path; /* owned */
    char *text; /* owned; checked JSON, or the lines of vocab.txt */
    size_t length;
    char *decoded;  /* where the next text goes; borrowed from the tokenizer */
    uint32_t flags; /* of all its tokens */
} source;

/* A token, maybe for the second time; what was said first of an added token holds. */
static clade_status put(source *s, const char *text, uint32_t id, uint32_t flags)
{
    char quoted[CLADE_IO_QUOTE];
    clade_token *known = clade_token_find(&s->tokenizer->table, text);
    if (!known)
        return clade_token_put(&s->tokenizer->table, text, id, flags | s->flags);
    if (known->id != id)
        return clade_fail(CLADE_EINPUT, "%s: the token %s has the id %u, but it was %u before", s->path,
                          clade_io_quote(text, strlen(text), quoted), (unsigned)id, (unsigned)known->id);
    if (flags & CLADE_TOKEN_ADDED && !(known->flags & CLADE_TOKEN_ADDED))
        known->flags |= flags;
    known->flags |= s->flags;
    return CLADE_OK;
}

/* The text between two offsets, decoded. */
static const char *decode(source *s, size_t begin, size_t end)
{
    const char *text = s->decoded;
    s->decoded += clade_json_decode(s->text, begin, end, s->decoded) + 1;
    return text;
}

static bool is_string(const source *s, const clade_json_entry *entry)
{
    return s->text[entry->value] == '"';
}

static clade_status fail_entry(const source *s, const clade_json_entry *entry, const char *expected)
{
    char quoted[CLADE_IO_QUOTE];
    size_t begin = entry->key ? entry->key - 1 : entry->value;
    return clade_fail(CLADE_EINPUT, "%s: byte %zu: found %s, expected %s", s->path, begin,
                      clade_io_quote(s->text + begin, entry->value_end - begin, quoted), expected);
}

/* *ENTRY gets the member KEY of the object at AT. A key given twice is refused: readers differ in which one counts. */
static clade_status find(const source *s, size_t at, const char *key, bool *found, clade_json_entry *entry)
{
    size_t count = clade_json_find(s->text, at, key, entry);
    *found = count == 1;
    return count < 2 ? CLADE_OK
                     : clade_fail(CLADE_EINPUT, "%s: the key \"%s\" is given twice in one object", s->path, key);
}

/* {text: id} */
static clade_status read_object(source *s, size_t at, uint32_t flags)
{
    clade_json_entry entry;
    uint32_t id;
    while (clade_json_next(s->text, &at, &entry)) {
        if (!clade_json_natural(s->text, &entry, CLADE_TOKEN_MAX_ID, &id))
            return fail_entry(s, &entry, "a token's id from 0 to 16777215");
        CLADE_TRY(put(s, decode(s, entry.key, entry.key_end), id, flags));
    }
    return CLADE_OK;
}

/* [[text, score], ...]: the id is the place. */
static clade_status read_pieces(source *s, size_t at)
{
    clade_json_entry entry, piece;
    for (uint32_t id = 0; clade_json_next(s->text, &at, &entry); id++) {
        size_t inside = entry.value;
        if (s->text[inside] != '[' || !clade_json_next(s->text, &inside, &piece) || !is_string(s, &piece))
            return fail_entry(s, &entry, "[\"piece\", score]");
        if (id > CLADE_TOKEN_MAX_ID)
            return fail_entry(s, &entry, "at most 16777216 pieces");
        CLADE_TRY(put(s, decode(s, piece.value + 1, piece.value_end - 1), id, 0));
    }
    return CLADE_OK;
}

/* The object of an added token; ID is known already when it is not given inside. */
static clade_status read_added(source *s, const clade_json_entry *entry, const uint32_t *id)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } booleans[] = {
        {"special", CLADE_TOKEN_SPECIAL},       {"lstrip", CLADE_TOKEN_LSTRIP},
        {"rstrip", CLADE_TOKEN_RSTRIP},         {"single_word", CLADE_TOKEN_SINGLE_WORD},
        {"normalized", CLADE_TOKEN_NORMALIZED},
    };
    clade_json_entry content, value;
    uint32_t own = 0, flags = CLADE_TOKEN_ADDED;
    bool found, has_id = id != NULL;
    CLADE_TRY(find(s, entry->value, "content", &found, &content));
    if (!found || !is_string(s, &content))
        return fail_entry(s, entry, "an added token with its \"content\"");
    if (!has_id) {
        CLADE_TRY(find(s, entry->value, "id", &has_id, &value));
        has_id = has_id && clade_json_natural(s->text, &value, CLADE_TOKEN_MAX_ID, &own);
    }
    if (!has_id)
        return fail_entry(s, entry, "an added token with its \"id\" from 0 to 16777215");
    for (size_t i = 0; i < sizeof booleans / sizeof *booleans; i++) {
        CLADE_TRY(find(s, entry->value, booleans[i].name, &found, &value));
        if (found && s->text[value.value] == 't')
            flags |= booleans[i].flag;
    }
    return put(s, decode(s, content.value + 1, content.value_end - 1), id ? *id : own, flags);
}

static clade_status read_tokenizer(source *s)
{
    clade_json_entry model, vocabulary, added, entry;
    bool found;
    s->flags = CLADE_TOKEN_IN_JSON;
    s->tokenizer->has_json = true;
    size_t at = clade_json_skip_space(s->text, 0);
    CLADE_TRY(find(s, at, "model", &found, &model));
    if (found)
        CLADE_TRY(find(s, model.value, "vocab", &found, &vocabulary));
    char first = '\0';
    if (found)
        first = s->text[vocabulary.value];
    if (first != '{' && first != '[')
        return clade_fail(CLADE_EINPUT, "%s: expected the tokens as an object or a list at model.vocab", s->path);
    CLADE_TRY(first == '{' ? read_object(s, vocabulary.value, 0) : read_pieces(s, vocabulary.value));
    s->tokenizer->vocabulary_count = s->tokenizer->table.count;
    CLADE_TRY(find(s, at, "added_tokens", &found, &added));
    if (!found)
        return CLADE_OK;
    if (s->text[added.value] != '[')
        return fail_entry(s, &added, "a list of tokens");
    for (at = added.value; clade_json_next(s->text, &at, &entry);)
        CLADE_TRY(read_added(s, &entry, NULL));
    return CLADE_OK;
}

/* vocab.json. */
static clade_status read_map(source *s)
{
    size_t at = clade_json_skip_space(s->text, 0);
    if (s->text[at] != '{')
        return clade_fail(CLADE_EINPUT, "%s: expected an object of tokens and their ids", s->path);
    return read_object(s, at, 0);
}

/* added_tokens.json, from before tokens had properties: transformers takes them as special. */
static clade_status read_added_map(source *s)
{
    size_t at = clade_json_skip_space(s->text, 0);
    if (s->text[at] != '{')
        return clade_fail(CLADE_EINPUT, "%s: expected an object of tokens and their ids", s->path);
    return read_object(s, at, CLADE_TOKEN_ADDED | CLADE_TOKEN_SPECIAL);
}

static clade_status read_config(source *s)
{
    clade_json_entry decoder, entry;
    bool found;
    s->flags = CLADE_TOKEN_IN_DECODER;
    CLADE_TRY(find(s, clade_json_skip_space(s->text, 0), "added_tokens_decoder", &found, &decoder));
    if (!found)
        return CLADE_OK;
    if (s->text[decoder.value] != '{')
        return fail_entry(s, &decoder, "an object of added tokens");
    for (size_t at = decoder.value; clade_json_next(s->text, &at, &entry);) {
        uint32_t id;
        clade_json_entry key = {.value = entry.key, .value_end = entry.key_end};
        if (entry.key == entry.key_end || !clade_json_natural(s->text, &key, CLADE_TOKEN_MAX_ID, &id))
            return fail_entry(s, &entry, "a token's id from 0 to 16777215");
        CLADE_TRY(read_added(s, &entry, &id));
    }
    return CLADE_OK;
}

/* vocab.txt: the id is the line, and the file's end ends the last one too. */
static clade_status read_lines(source *s)
{
    if (memchr(s->text, '\0', s->length))
        return clade_fail(CLADE_EINPUT, "%s: found a NUL byte, expected lines of text", s->path);
    if (clade_utf8_valid(s->text, s->length) != s->length)
        return clade_fail(CLADE_EINPUT, "%s: byte %zu: expected UTF-8", s->path, clade_utf8_valid(s->text, s->length));
    uint32_t id = 0;
    for (const char *line = s->text, *end; *line; line = *end ? end + 1 : end, id++) {
        end = line + strcspn(line, "\n");
        size_t length = (size_t)(end - line);
        length -= length > 0 && line[length - 1] == '\r';
        char *text = s->decoded;
        memcpy(text, line, length);
        text[length] = '\0';
        s->decoded += length + 1;
        if (id > CLADE_TOKEN_MAX_ID)
            return clade_fail(CLADE_EINPUT, "%s: expected at most 16777216 lines", s->path);
        CLADE_TRY(put(s, text, id, 0));
    }
    return CLADE_OK;
}

static clade_status read_file(clade_tokenizer *tokenizer, const char *folder, const char *name, bool json,
                              clade_status (*read)(source *s), bool *there)
{
    source s = {.tokenizer = tokenizer, .path = clade_path_join(folder, name)};
    if (!s.path)
        return clade_fail_memory(strlen(folder), "a path");
    *there = clade_path_exists(s.path);
    clade_status status = *there ? clade_read_file(s.path, CLADE_JSON_MAX_BYTES, &s.text, &s.length) : CLADE_OK;
    if (status == CLADE_OK && *there && json)
        status = clade_json_check(s.text, s.length, s.path, CLADE_EINPUT);
    if (status == CLADE_OK && *there) {
        s.decoded = clade_malloc(s.length + 1); /* the last line of a file may have no end */
        if (s.decoded) {
            tokenizer->texts[tokenizer->n_texts++] = s.decoded;
            status = read(&s);
        } else {
            status = clade_fail_memory(s.length + 1, "the tokens of a vocabulary");
        }
    }
    clade_free(s.text);
    clade_free(s.path);
    return status;
}

static clade_status fail_without(const char *folder)
{
    char *path = clade_path_join(folder, "tokenizer.model");
    if (!path)
        return clade_fail_memory(strlen(folder), "a path");
    bool piece = clade_path_exists(path);
    clade_free(path);
    if (piece)
        return clade_fail(CLADE_EINPUT,
                          "%s: has a SentencePiece tokenizer.model only, expected tokenizer.json: load it once with "
                          "transformers' AutoTokenizer and save_pretrained() it into this folder",
                          folder);
    return clade_fail(CLADE_EINPUT, "%s: has no tokenizer, expected tokenizer.json, vocab.json or vocab.txt", folder);
}

/* The index by id. Some ids may be left out, but not so many that a small file asks for an array of any size. */
static clade_status order(clade_tokenizer *tokenizer, const char *folder)
{
    const clade_token_table *table = &tokenizer->table;
    for (size_t i = 0; i < table->count; i++)
        if (table->tokens[i].id >= tokenizer->n_ids)
            tokenizer->n_ids = (size_t)table->tokens[i].id + 1;
    if (tokenizer->n_ids > LEAST_IDS + IDS_A_TOKEN * table->count)
        return clade_fail(CLADE_EINPUT, "%s: the tokens have ids up to %zu, but there are only %zu tokens", folder,
                          tokenizer->n_ids - 1, table->count);
    tokenizer->by_id = clade_calloc(tokenizer->n_ids, sizeof *tokenizer->by_id);
    if (!tokenizer->by_id)
        return clade_fail_memory(tokenizer->n_ids * sizeof *tokenizer->by_id, "a vocabulary");
    for (size_t i = 0; i < table->count; i++) {
        const clade_token *token = &table->tokens[i], **place = &tokenizer->by_id[token->id];
        char first[CLADE_IO_QUOTE], second[CLADE_IO_QUOTE];
        if (*place)
            return clade_fail(CLADE_EINPUT, "%s: the tokens %s and %s have both the id %u", folder,
                              clade_io_quote((*place)->text, strlen((*place)->text), first),
                              clade_io_quote(token->text, strlen(token->text), second), (unsigned)token->id);
        *place = token;
    }
    return CLADE_OK;
}

static clade_status read_folder(clade_tokenizer *tokenizer, const char *folder)
{
    bool there;
    CLADE_TRY(read_file(tokenizer, folder, "tokenizer.json", true, read_tokenizer, &there));
    if (!there)
        CLADE_TRY(read_file(tokenizer, folder, "vocab.json", true, read_map, &there));
    if (!there)
        CLADE_TRY(read_file(tokenizer, folder, "vocab.txt", false, read_lines, &there));
    if (!there)
        return fail_without(folder);
    CLADE_TRY(read_file(tokenizer, folder, "added_tokens.json", true, read_added_map, &there));
    CLADE_TRY(read_file(tokenizer, folder, "tokenizer_config.json", true, read_config, &there));
    return order(tokenizer, folder);
}

clade_status clade_tokenizer_read(const char *folder, clade_tokenizer **tokenizer)
{
    *tokenizer = NULL;
    clade_tokenizer *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a vocabulary");
    clade_status status = read_folder(made, folder);
    if (status != CLADE_OK) {
        clade_tokenizer_free(made);
        return status;
    }
    *tokenizer = made;
    return CLADE_OK;
}

void clade_tokenizer_free(clade_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    for (size_t i = 0; i < tokenizer->n_texts; i++)
        clade_free(tokenizer->texts[i]);
    clade_token_table_free(&tokenizer->table);
    clade_free(tokenizer->by_id);
    clade_free(tokenizer);
}
