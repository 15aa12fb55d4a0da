/* Vocabularies: embeddings and output heads of parents whose tokens differ.
 *
 * Row r of an embedding belongs to the token with the number r. A recipe's "vocabulary" (recipe.h) says which tokens the
 * child has, and this says for every parent (and the base) which of its rows, or of another model's, stands for each of
 * them; then the tensors are merged as all others.
 *
 *   same     tensors are merged as they are stored; nothing is remapped, no tokenizer is read
 *   common   the first rows that all models have; no tokenizer is read
 *   OF       the tokens and numbers of one model's tokenizer
 *   union    those of the base (without one: of the first parent), then what the base, the first parent, the second ...
 *            have besides, each in the order of its own numbers. Only tokens with a row in the embeddings of their model
 *            are added: others were never trained
 * Tokens that the recipe's "tokens" name and that are not there yet come last. The child's embeddings have as many rows
 * as its largest number + 1, rounded up to "pad_to_multiple_of". So rows beyond the tokens, which many models have
 * (Qwen2.5: 152,064 rows, 151,665 tokens), are cut unless that asks for them; clade_vocabulary_describe says so.
 *
 * The row of a token, for a model
 *   1. that has the token and a row for it: this row,
 *   2. else the embedding the recipe's "tokens" say: another model's row of that token, or of one "like" it; or zeros,
 *   3. else the base's row, when the base has one,
 *   4. else the mean of the rows of all parents that have one.
 * "force" puts 2 before 1. A token for which nobody has a row and the recipe says nothing is an error. A row without a
 * token (padding, or a number left out) belongs, by the same rules 1, 3 and 4, to the models that store a row of that
 * number which no token of theirs has: such rows were trained to be improbable; where nobody has one it is zeros.
 * This is what mergekit 0.1.5 does, but for rows without a token (mergekit: the mean of the model's other rows), and for
 * a token that only the recipe adds, where a model stores an unused row of the child's number (mergekit takes that row).
 *
 * Tensors with a row per token, by name; a name of more parts must end in one of these after a dot:
 *   embed_tokens.weight (Llama, Mistral, Qwen2, Gemma, Phi, OPT), wte.weight (GPT-2, GPT-J, MPT), word_embeddings.weight
 *   (BERT, Falcon, BLOOM), embed_in.weight, embed_out.weight (GPT-NeoX), tok_embeddings.weight (InternLM2),
 *   token_embedding.weight (CLIP), word_embedding.weight (XLNet), shared.weight (T5, BART), lm_head.weight, lm_head.bias,
 *   lm_head.decoder.weight, lm_head.decoder.bias (RoBERTa), predictions.decoder.weight, predictions.decoder.bias,
 *   predictions.bias (BERT), vocab_projector.weight, vocab_projector.bias (DistilBERT), generator_lm_head.weight,
 *   generator_lm_head.bias (ELECTRA), output_layer.weight (ChatGLM); and in full: output.weight (InternLM2),
 *   backbone.embeddings.weight (Mamba).
 * All of them in one model must have the same number of rows, else CLADE_EINCOMPATIBLE. */
#ifndef CLADE_VOCABULARY_H
#define CLADE_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/checkpoint.h"
#include "clade/recipe.h"
#include "clade/text.h"

struct clade_row_map; /* src/merge/plan.h */

typedef struct clade_vocabulary clade_vocabulary;

/* MODELS: (n_parents + 1), the checkpoints of the parents and of the base; NULL for a base that the recipe has not; the
 * base's where a parent is an adapter on it. Recipe and checkpoints are borrowed until the vocabulary is freed.
 * CLADE_EINPUT: a tokenizer that is missing or broken (io/tokenizer.h). CLADE_EINCOMPATIBLE: a model without embeddings,
 * or with tensors of different numbers of rows. CLADE_ECONFIG: tokens that cannot be had as the recipe says; tokens
 * without any embedding; an unknown chat template; tokens to be added to a tokenizer that is not a tokenizer.json, or
 * whose numbers have gaps (transformers numbers added tokens itself). */
clade_status clade_vocabulary_new(const clade_recipe *recipe, const clade_checkpoint *const *models,
                                  clade_vocabulary **vocabulary) CLADE_CHECK_RESULT;
void clade_vocabulary_free(clade_vocabulary *vocabulary);

/* The tensor has a row per token, by its name. */
bool clade_vocabulary_names(const char *tensor);
/* The tensor is remapped: by its name, and the recipe does not say "same". */
bool clade_vocabulary_remaps(const clade_vocabulary *vocabulary, const char *tensor);
/* Rows of the child's remapped tensors, the value of vocab_size in its config.json; 0: as they are. */
size_t clade_vocabulary_rows(const clade_vocabulary *vocabulary);
/* The rows of model number SOURCE (n_parents: the base) in remapped tensors. NULL: all of them as stored. Borrowed. */
const struct clade_row_map *clade_vocabulary_map(const clade_vocabulary *vocabulary, size_t source);

/* The model whose tokenizer files the child gets (n_parents: the base). OF: the one named. Union: the base, else the
 * first. Same: what the recipe says, else the base, else the first. Common: what the recipe says, else the first of base
 * and parents with no more rows than the child. */
size_t clade_vocabulary_files_from(const clade_vocabulary *vocabulary);
/* Make FOLDER's tokenizer files, which were copied from that model's folder, those of the child. With added tokens:
 * tokenizer.json gets them as added_tokens (so also what is a piece of another model's vocabulary is found anywhere in a
 * text, as with mergekit), tokenizer_config.json in its added_tokens_decoder if it has one, and what says the same in
 * older forms goes (tokenizer.model, vocab.json, vocab.txt, merges.txt, added_tokens.json). With a chat template: it
 * becomes the member chat_template of tokenizer_config.json, and chat_template.jinja and .json go. Else nothing is
 * done. */
clade_status clade_vocabulary_write(const clade_vocabulary *vocabulary, const char *folder) CLADE_CHECK_RESULT;
/* Members of config.json that say numbers of tokens (bos_token_id, ...), with the values in config.json of the model whose
 * tokenizer the child gets; none for "same". (*COUNT), borrowed. */
const clade_config_member *clade_vocabulary_members(const clade_vocabulary *vocabulary, size_t *count);

/* What became of the vocabularies, a line each, for people: nothing for "same" without a chat template. */
void clade_vocabulary_describe(const clade_vocabulary *vocabulary, clade_text *text);

#endif
