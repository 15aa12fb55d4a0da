/* Chat templates: which one the child's tokenizer gets. */
#ifndef CLADE_MERGE_CHAT_TEMPLATE_H
#define CLADE_MERGE_CHAT_TEMPLATE_H

#include "merge/vocabulary.h"

/* The template that the recipe's chat_template says, owned by the caller:
 *   "auto"   the one that most models have, base and parents; of several the one that comes first, the base's before the
 *            parents'. NULL when no model has one. A model's is in chat_template.jinja, else in tokenizer_config.json (of
 *            a list the one called "default", else the first)
 *   NAME     alpaca, chatml, exaone, llama3 or mistral
 *   JINJA    itself: what has a '{' in it; anything else is an unknown name, CLADE_ECONFIG */
clade_status clade_chat_template_choose(const clade_vocabulary *vocabulary, char **text) CLADE_CHECK_RESULT;

#endif
