#include "merge/verify.h"

#include <string.h>

#include "clade/files.h"

/* *WRONG: it was read, and is not what was made. */
static clade_status verify_tensor(const clade_plan *plan, const clade_checkpoint *written, size_t i,
                                  const clade_written_sum *expected, bool *wrong)
{
    const clade_tensor *wanted = &plan->targets[i].tensor, *found = clade_checkpoint_at(written, i);
    *wrong = true;
    if (strcmp(found->name, wanted->name) != 0 || found->dtype != wanted->dtype ||
        !clade_tensor_same_shape(found, wanted))
        return clade_fail(CLADE_EIO, "%s: tensor %s is not as it was written", clade_checkpoint_path(written),
                          wanted->name);
    clade_io_sum sum = clade_io_sum_of(0, found->data, found->bytes);
    clade_checkpoint_release(written, found, 0, found->bytes);
    *wrong = expected->known && (sum.low != expected->sum.low || sum.high != expected->sum.high);
    if (!*wrong)
        return CLADE_OK;
    return clade_fail(CLADE_EIO, "%s: tensor %s: its bytes are not those that were written",
                      clade_checkpoint_path(written), wanted->name);
}

static clade_status compare(const clade_plan *plan, const char *out, const clade_written_sum *sums, bool *wrong)
{
    clade_checkpoint *written;
    CLADE_TRY(clade_checkpoint_open(out, &written));
    clade_status status = CLADE_OK;
    *wrong = clade_checkpoint_count(written) != plan->count;
    if (*wrong)
        status = clade_fail(CLADE_EIO, "%s: found %zu tensors, expected %zu", out, clade_checkpoint_count(written),
                            plan->count);
    for (size_t i = 0; i < plan->count && status == CLADE_OK; i++)
        status = verify_tensor(plan, written, i, &sums[i], wrong);
    clade_checkpoint_close(written);
    return status;
}

clade_status clade_verify_merge(const clade_plan *plan, const char *out, const clade_written_sum *sums)
{
    bool wrong = false;
    clade_status status = compare(plan, out, sums, &wrong);
    if (!wrong)
        return status;
    status = clade_fail_prefix(status, "not what was made, and so removed");
    return clade_remove_folder(out) == CLADE_OK
               ? status
               : clade_fail_prefix(CLADE_EIO, "what was written is not what was made, and cannot be removed");
}
