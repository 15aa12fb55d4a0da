/* The tokenizer files of a child, edited as texts: what is not about its new tokens keeps every byte. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/json_walk.h"
#include "clade/alloc.h"
#include "clade/files.h"
#include "io/config_text.h"
#include "io/inside.h"
#include "merge/vocabulary.h"

/* The object of a token, with its number inside or without. */
static void put_token(clade_json_writer *writer, const char *key, const clade_added_token *token, bool with_id)
{
    clade_json_begin_object(writer, key);
    if (with_id)
        clade_json_put_integer(writer, "id", token->id);
    clade_json_put_string(writer, "content", token->text);
    clade_json_put_bool(writer, "single_word", token->flags & CLADE_TOKEN_SINGLE_WORD);
    clade_json_put_bool(writer, "lstrip", token->flags & CLADE_TOKEN_LSTRIP);
    clade_json_put_bool(writer, "rstrip", token->flags & CLADE_TOKEN_RSTRIP);
    clade_json_put_bool(writer, "normalized", token->flags & CLADE_TOKEN_NORMALIZED);
    clade_json_put_bool(writer, "special", token->flags & CLADE_TOKEN_SPECIAL);
    clade_json_end_object(writer);
}

/* Append to OUT the tokens that are not in the file yet (which their flags say by the bit IN), each after a comma when
 * MORE; returns whether there was one. Keys in an object, numbers inside in an array. */
static bool put_tokens(const clade_vocabulary *v, uint32_t in, bool more, clade_text *out)
{
    bool is_array = in == CLADE_TOKEN_IN_JSON, any = false;
    for (size_t i = 0; i < v->n_added; i++) {
        clade_text one = {0};
        clade_json_writer writer = clade_json_writer_to(&one, false);
        if (v->added[i].flags & in)
            continue;
        put_token(&writer, NULL, &v->added[i], is_array);
        clade_text_append(out, "%s\n    ", more || any ? "," : "");
        if (!is_array)
            clade_text_append(out, "\"%u\": ", (unsigned)v->added[i].id);
        clade_text_append(out, "%s", clade_text_get(&one));
        out->failed |= one.failed;
        clade_text_free(&one);
        any = true;
    }
    return any;
}

/* TEXT with the tokens at the end of the list KEY of the top level: an array of tokenizer.json, which is made if need
 * be, or an object of tokenizer_config.json. */
static clade_status add_tokens(const clade_vocabulary *v, const char *text, size_t length, const char *name,
                               const char *key, uint32_t in, clade_text *out)
{
    clade_json_entry list = {0}, entry;
    bool is_array = in == CLADE_TOKEN_IN_JSON, more = false;
    size_t top = clade_json_skip_space(text, 0), at = 0;
    bool found = clade_json_find(text, top, key, &list) > 0;
    if (text[top] != '{' || (found && text[list.value] != (is_array ? '[' : '{')))
        return clade_fail(CLADE_EINPUT, "%s: expected an object, and %s at %s", name, is_array ? "a list" : "an object",
                          key);
    if (found) {
        for (at = list.value; clade_json_next(text, &at, &entry);)
            more = true;
        size_t end = at;
        while (strchr(" \t\r\n", text[end - 1]))
            end--;
        clade_text_append_bytes(out, text, end);
        if (!put_tokens(v, in, more, out))
            at = end;
        else
            clade_text_append(out, "\n  ");
    } else if (is_array) {
        at = top + 1;
        clade_text_append_bytes(out, text, at);
        clade_text_append(out, "\n  \"%s\": [", key);
        put_tokens(v, in, false, out);
        clade_text_append(out, "\n  ],");
    }
    clade_text_append_bytes(out, text + at, length - at);
    return clade_text_status(out);
}

/* TEXT with the chat template. */
static clade_status set_template(const clade_vocabulary *v, const char *text, size_t length, const char *name,
                                 clade_text *out)
{
    clade_text value = {0};
    clade_json_writer writer = clade_json_writer_to(&value, false);
    clade_json_put_string(&writer, NULL, v->chat_template);
    const clade_config_member member = {.key = "chat_template", .value = clade_text_get(&value), .add = true};
    clade_status status = clade_text_status(&value);
    if (status == CLADE_OK)
        status = clade_io_config_edit(text, length, name, &member, 1, NULL, out);
    clade_text_free(&value);
    return status;
}

typedef clade_status edit_file(const clade_vocabulary *v, const char *text, size_t length, const char *name,
                               clade_text *out);

static clade_status edit_tokenizer(const clade_vocabulary *v, const char *text, size_t length, const char *name,
                                   clade_text *out)
{
    CLADE_TRY(clade_json_check(text, length, name, CLADE_EINPUT));
    return add_tokens(v, text, length, name, "added_tokens", CLADE_TOKEN_IN_JSON, out);
}

/* The template first: the edit for it reads the text into a tree, which many new tokens would be too large for. */
static clade_status edit_config(const clade_vocabulary *v, const char *text, size_t length, const char *name,
                                clade_text *out)
{
    static const char decoder[] = "added_tokens_decoder";
    clade_text templated = {0};
    CLADE_TRY(clade_json_check(text, length, name, CLADE_EINPUT));
    if (!v->chat_template)
        return add_tokens(v, text, length, name, decoder, CLADE_TOKEN_IN_DECODER, out);
    clade_status status = set_template(v, text, length, name, &templated);
    if (status == CLADE_OK)
        status =
            add_tokens(v, clade_text_get(&templated), templated.length, name, decoder, CLADE_TOKEN_IN_DECODER, out);
    clade_text_free(&templated);
    return status;
}

/* The file NAME of the model as EDIT makes it, in FOLDER; MISSING stands for it when there is none, NULL: nothing to
 * do. */
static clade_status write_edited(const clade_vocabulary *v, const char *folder, const char *name, const char *missing,
                                 edit_file *edit)
{
    const char *source = clade_checkpoint_path(v->models[v->files_from].checkpoint);
    char *from = clade_path_join(source, name), *to = clade_path_join(folder, name), *text = NULL;
    size_t length = 0;
    clade_text out = {0};
    clade_status status = CLADE_OK;
    bool there = from && clade_path_exists(from);
    if (!from || !to)
        status = clade_fail_memory(strlen(source), "a path");
    else
        status = clade_io_check_inside(source, name);
    if (status == CLADE_OK && there)
        status = clade_read_file(from, CLADE_JSON_MAX_BYTES, &text, &length);
    else if (status == CLADE_OK && missing)
        length = strlen(missing);
    const char *content = there ? text : missing;
    if (status == CLADE_OK && content)
        status = edit(v, content, length, from, &out);
    if (status == CLADE_OK && content)
        status = clade_json_check(clade_text_get(&out), out.length, to, CLADE_EINTERNAL);
    if (status == CLADE_OK && content)
        status = clade_write_file(to, clade_text_get(&out), out.length);
    clade_text_free(&out);
    clade_free(text);
    clade_free(from);
    clade_free(to);
    return status;
}

static clade_status remove_files(const char *folder, const char *const *names, size_t count)
{
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        char *path = clade_path_join(folder, names[i]);
        if (!path)
            return clade_fail_memory(strlen(folder), "a path");
        if (unlink(path) != 0 && errno != ENOENT)
            status = clade_fail_errno(path, "remove");
        clade_free(path);
    }
    return status;
}

clade_status clade_vocabulary_write(const clade_vocabulary *v, const char *folder)
{
    static const char *const older[] = {"tokenizer.model", "vocab.json", "vocab.txt", "merges.txt",
                                        "added_tokens.json"};
    static const char *const templates[] = {"chat_template.jinja", "chat_template.json"};
    if (v->n_added > 0) {
        CLADE_TRY(write_edited(v, folder, "tokenizer.json", NULL, edit_tokenizer));
        CLADE_TRY(remove_files(folder, older, sizeof older / sizeof *older));
    }
    if (v->chat_template)
        CLADE_TRY(remove_files(folder, templates, sizeof templates / sizeof *templates));
    if (v->n_added > 0 || v->chat_template)
        CLADE_TRY(write_edited(v, folder, "tokenizer_config.json", v->chat_template ? "{}\n" : NULL, edit_config));
    return CLADE_OK;
}
