#include "search/outbox.h"

#include "clade/alloc.h"

struct clade_letter {
    struct clade_letter *next;
    clade_outgoing *out;
};

clade_status clade_outbox_send(clade_outbox *box, int to, int tag, const void *header, size_t header_length,
                               const char *body, size_t length)
{
    struct clade_letter *new = clade_calloc(1, sizeof *new);
    if (!new)
        return clade_fail_memory(sizeof *new, "a message");
    const clade_status status = clade_link_send(to, tag, header, header_length, body, length, &new->out);
    if (status != CLADE_OK) {
        clade_free(new);
        return status;
    }
    new->next = box->first;
    box->first = new;
    return CLADE_OK;
}

clade_status clade_outbox_sweep(clade_outbox *box)
{
    for (struct clade_letter **at = &box->first; *at;) {
        bool left = false;
        struct clade_letter *one = *at;
        CLADE_TRY(clade_link_sent(&one->out, &left));
        if (left) {
            *at = one->next;
            clade_free(one);
        } else {
            at = &one->next;
        }
    }
    return CLADE_OK;
}

void clade_outbox_drop(clade_outbox *box)
{
    while (box->first) {
        struct clade_letter *one = box->first;
        box->first = one->next;
        clade_free(one);
    }
}
