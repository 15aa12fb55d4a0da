/* What the Hugging Face hub says of a model besides its weights: its name there, and the metadata at the head of its
 * README.md. Nothing is ever downloaded. */
#ifndef CLADE_HUB_H
#define CLADE_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"
#include "clade/text.h"

/* TEXT has the form of a model's name on the hub: "owner/name", letters, digits and . _ - in both, no '.' in front. */
bool clade_hub_is_name(const char *text);
/* Append what to do about model PATH, which is not there: WRITTEN (borrowed, may be NULL) is how the user named it, and
 * what huggingface-cli is told to download when it has the form of a name on the hub. */
void clade_hub_append_missing(const char *path, const char *written, clade_text *text);

/* The metadata of a model card: the YAML between "---" lines that README.md begins with. Only keys of the top level
 * whose value is a text (number, date, ...) or a list of texts are kept; what else is there is passed over. */
typedef struct clade_front_matter clade_front_matter;

/* Of FOLDER/README.md. *MATTER is NULL when there is no such file, or it has no metadata, or what should be metadata is
 * no YAML or too large (a megabyte): a card is written by people, and never keeps a model from being used. Fails only
 * without memory. Owned by the caller. */
clade_status clade_front_matter_read(const char *folder, clade_front_matter **matter) CLADE_CHECK_RESULT;
/* The same for the text of a README.md. */
clade_status clade_front_matter_parse(const char *text, size_t length, clade_front_matter **matter) CLADE_CHECK_RESULT;
void clade_front_matter_free(clade_front_matter *matter); /* accepts NULL */
/* How many texts KEY has: 1 for a text, 0 when it is not there, null, or of another kind. MATTER may be NULL. */
size_t clade_front_matter_count(const clade_front_matter *matter, const char *key);
/* Text INDEX of KEY, borrowed; NULL from the count on. Any bytes but NUL: quote it where it goes. */
const char *clade_front_matter_get(const clade_front_matter *matter, const char *key, size_t index);

#endif
