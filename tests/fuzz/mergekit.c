/* Whatever the bytes: no crash, no leak; a uniform recipe that is accepted is written as YAML that is accepted, where
 * mergekit can say it. */
#include <stdint.h>
#include <stdlib.h>

#include "clade/alloc.h"
#include "clade/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clade_recipe *recipe, *again;
    clade_text text = {0};
    /* The folder does not exist, so gradients end where the checkpoint would be opened. */
    if (clade_recipe_from_mergekit_text((const char *)data, size, "/nowhere/at/all/config.yml", &recipe) == CLADE_OK) {
        if (clade_recipe_to_mergekit(recipe, &text) == CLADE_OK) {
            if (clade_recipe_from_mergekit_text(text.data, text.length, "/config.yml", &again) != CLADE_OK)
                abort();
            clade_recipe_free(again);
        }
        clade_recipe_free(recipe);
    }
    clade_text_free(&text);
    if (clade_alloc_live() != 0)
        abort();
    return 0;
}
