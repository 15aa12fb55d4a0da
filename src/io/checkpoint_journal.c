#include "io/checkpoint_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/json.h"
#include "clade/log.h"
#include "io/output.h"

struct clade_io_journal {
    char *path; /* owned */
    int fd;
    uint64_t end; /* of the last whole line */
};

/* Take the lock of FD. Where a file system has none, the user has to see to it that there is one writer. */
static clade_status lock(int fd, const char *path, bool *empty)
{
    struct stat locked, there;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return clade_fail(CLADE_EUSAGE, "%s: is locked: another merge is writing this checkpoint", path);
        clade_log(CLADE_LOG_WARNING, "%s: cannot be locked (%s): start no second merge with the same output", path,
                  strerror(errno));
    }
    /* A writer that finished just now took the folder away with the file, whose lock is worth nothing then. */
    const bool known = fstat(fd, &locked) == 0, found = known && stat(path, &there) == 0;
    if (!known || (!found && errno != ENOENT))
        return clade_fail_errno(path, "look at");
    if (!found || locked.st_ino != there.st_ino)
        return clade_fail(CLADE_EUSAGE, "%s: another merge was just finishing this checkpoint", path);
    *empty = locked.st_size == 0;
    return CLADE_OK;
}

clade_status clade_io_journal_open(const char *folder, clade_io_journal **journal, bool *empty)
{
    *journal = NULL;
    clade_io_journal *made = clade_calloc(1, sizeof *made);
    char *path = clade_path_join(folder, CLADE_IO_JOURNAL_NAME);
    clade_status status = CLADE_OK;
    int fd = -1;
    if (!made || !path)
        status = clade_fail_memory(sizeof *made, "a journal");
    if (status == CLADE_OK)
        fd = clade_io_must_fail() ? -1 : open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (status == CLADE_OK)
        status = fd < 0 ? clade_fail_errno(path, "create") : lock(fd, path, empty);
    if (status != CLADE_OK) {
        if (fd >= 0)
            close(fd);
        clade_free(path);
        clade_free(made);
        return status;
    }
    *made = (clade_io_journal){.path = path, .fd = fd};
    *journal = made;
    return CLADE_OK;
}

/* The members of one line, whichever kind it is of. */
typedef struct line {
    const char *identity, *shard; /* borrowed from the document */
    clade_io_finished finished;
} line;

static bool read_line(const clade_json *document, bool first, line *l)
{
    const char *sum = "";
    uint64_t version = 0;
    clade_problems problems = {0};
    clade_json_at root = clade_json_root(document);
    clade_json_at format = clade_json_member(&root, "clade_partial"), bytes = clade_json_member(&root, "bytes");
    clade_json_at identity = clade_json_member(&root, "identity"), shard = clade_json_member(&root, "shard");
    clade_json_at digits = clade_json_member(&root, "sum");
    bool good;
    if (first)
        good = clade_json_u64(&format, &problems, &version) && version == 1 &&
               clade_json_string(&identity, &problems, &l->identity);
    else
        good = clade_json_string(&shard, &problems, &l->shard) &&
               clade_json_u64(&bytes, &problems, &l->finished.bytes) && clade_json_string(&digits, &problems, &sum) &&
               strlen(sum) == 32 &&
               sscanf(sum, "%16" SCNx64 "%16" SCNx64, &l->finished.sum.high, &l->finished.sum.low) == 2;
    clade_text_free(&problems.text); /* a bad line is the end of the journal, not an error */
    return good;
}

clade_status clade_io_journal_read(clade_io_journal *journal, const char *identity, bool *same, clade_io_take_line take,
                                   void *context)
{
    char *text;
    size_t bytes, at = 0;
    clade_status status = CLADE_OK;
    bool whole = true;
    *same = false;
    CLADE_TRY(clade_read_file(journal->path, CLADE_JSON_MAX_BYTES, &text, &bytes));
    while (whole && status == CLADE_OK) {
        const char *end = memchr(text + at, '\n', bytes - at);
        clade_json *document = NULL;
        line l = {0};
        if (!end)
            break;
        status = clade_json_parse(text + at, (size_t)(end - text) - at, journal->path, CLADE_EINPUT, &document);
        whole = status == CLADE_OK && read_line(document, at == 0, &l);
        if (status == CLADE_EINPUT)
            status = CLADE_OK; /* not whole */
        if (whole && at == 0)
            whole = *same = strcmp(l.identity, identity) == 0;
        else if (whole)
            take(context, l.shard, &l.finished);
        if (whole)
            at = (size_t)(end + 1 - text);
        clade_json_free(document);
    }
    journal->end = at;
    clade_free(text);
    return status;
}

/* Write TEXT (consumed) after the last whole line and sync it. After a failure the next line takes its place. */
static clade_status add_line(clade_io_journal *journal, clade_text *text)
{
    clade_status status = clade_text_status(text);
    for (size_t done = 0; status == CLADE_OK && done < text->length;) {
        ssize_t written = clade_io_must_fail() ? -1
                                               : pwrite(journal->fd, text->data + done, text->length - done,
                                                        (off_t)(journal->end + done));
        if (written >= 0)
            done += (size_t)written;
        else if (errno != EINTR)
            status = clade_fail_errno(journal->path, "write");
    }
    if (status == CLADE_OK && (ftruncate(journal->fd, (off_t)(journal->end + text->length)) != 0 ||
                               clade_io_must_fail() || fsync(journal->fd) != 0))
        status = clade_fail_errno(journal->path, "sync");
    if (status == CLADE_OK)
        journal->end += text->length;
    clade_text_free(text);
    return status;
}

clade_status clade_io_journal_start(clade_io_journal *journal, const char *identity)
{
    clade_text text = {0};
    journal->end = 0;
    if (ftruncate(journal->fd, 0) != 0)
        return clade_fail_errno(journal->path, "empty");
    clade_text_append(&text, "{\"clade_partial\":1,\"identity\":\"%s\"}\n", identity);
    return add_line(journal, &text);
}

clade_status clade_io_journal_add(clade_io_journal *journal, const char *shard, const clade_io_finished *finished)
{
    clade_text text = {0};
    clade_text_append(&text, "{\"shard\":\"%s\",\"bytes\":\"%" PRIu64 "\",\"sum\":\"%016" PRIx64 "%016" PRIx64 "\"}\n",
                      shard, finished->bytes, finished->sum.high, finished->sum.low);
    return add_line(journal, &text);
}

void clade_io_journal_close(clade_io_journal *journal)
{
    if (!journal)
        return;
    close(journal->fd);
    clade_free(journal->path);
    clade_free(journal);
}
