/* A checkpoint in one call, by the writer that also writes in pieces. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/checkpoint.h"
#include "io/bytes.h"
#include "io/checkpoint_partial.h"

/* One call of clade_checkpoint_write. */
typedef struct write_job {
    clade_checkpoint_writer *writer;
    const clade_tensor *tensors; /* borrowed */
    clade_produce produce;
    void *context;
    void *scratch; /* for the largest tensor that has to be made */
} write_job;

static clade_status write_tensor(const write_job *job, size_t index)
{
    const clade_tensor *tensor = &job->tensors[index];
    if (tensor->bytes == 0)
        return CLADE_OK;
    if (!tensor->data)
        CLADE_TRY(job->produce(job->context, index, job->scratch));
    return clade_checkpoint_writer_put(job->writer, index, 0, tensor->data ? tensor->data : job->scratch,
                                       tensor->bytes);
}

static clade_status write_shards(const write_job *job)
{
    for (size_t shard = 0; shard < clade_checkpoint_writer_shards(job->writer); shard++) {
        size_t first, last;
        clade_checkpoint_writer_range(job->writer, shard, &first, &last);
        CLADE_TRY(clade_checkpoint_writer_begin(job->writer, shard));
        for (size_t place = first; place < last; place++)
            CLADE_TRY(write_tensor(job, clade_checkpoint_writer_index(job->writer, place)));
        CLADE_TRY(clade_checkpoint_writer_end(job->writer, shard));
    }
    return CLADE_OK;
}

/* Write everything, and leave nothing behind where that fails: this is for what is quickly made again. */
static clade_status write_all(const char *out, size_t count, const clade_checkpoint_layout *layout, write_job *job)
{
    CLADE_TRY(clade_checkpoint_writer_open(out, job->tensors, count, layout, NULL, &job->writer));
    clade_status status = write_shards(job);
    if (status == CLADE_OK)
        status = clade_io_checkpoint_complete(job->writer);
    if (status == CLADE_OK)
        clade_checkpoint_writer_close(job->writer);
    else if (clade_checkpoint_writer_discard(job->writer) != CLADE_OK)
        status = clade_fail_prefix(status, "%s: not written, and what there is of it not removed", out);
    return status;
}

clade_status clade_checkpoint_write(const char *out, const clade_tensor *tensors, size_t count, clade_produce produce,
                                    void *context, const clade_checkpoint_layout *layout)
{
    write_job job = {.tensors = tensors, .produce = produce, .context = context};
    size_t scratch_bytes = 0;
    char quoted[CLADE_IO_QUOTE];
    for (size_t i = 0; i < count; i++) {
        const clade_tensor *tensor = &tensors[i];
        if (tensor->data || tensor->bytes == 0)
            continue;
        if (!produce)
            return clade_fail(CLADE_EINTERNAL, "%s: tensor %s: has no data and nothing makes them", out,
                              clade_io_quote(tensor->name, strlen(tensor->name), quoted));
        scratch_bytes = tensor->bytes > scratch_bytes ? tensor->bytes : scratch_bytes;
    }
    job.scratch = clade_malloc(scratch_bytes);
    if (!job.scratch)
        return clade_fail_memory(scratch_bytes, "the largest tensor");
    clade_status status = write_all(out, count, layout, &job);
    clade_free(job.scratch);
    return status;
}
