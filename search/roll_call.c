#include "search/roll_call.h"

#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/pool_link.h"

static const double PATIENCE = 10.0; /* seconds */

/* ---- rank 0 ---- */

/* The answer of RANK into MACHINE; its clock is compared with the middle of the time between question and answer. */
static clade_status take_answer(int rank, const clade_message *in, double asked, clade_machine *machine)
{
    clade_reply reply = {0};
    clade_text text = {0};
    const double middle = 0.5 * (asked + clade_clock_calendar());
    clade_status status = clade_reply_read(in, &reply, &text);
    if (status == CLADE_OK && reply.status == CLADE_OK)
        status = clade_machine_parse(clade_text_get(&text), text.length, rank, machine);
    else if (status == CLADE_OK)
        status = clade_fail(CLADE_EINTERNAL, "rank %d: %s", rank, clade_text_get(&text));
    machine->clock_ahead = reply.seconds - middle;
    machine->answered = status == CLADE_OK;
    clade_text_free(&text);
    return status;
}

static clade_status ask(int rank, clade_machine *machine)
{
    clade_outgoing *out = NULL;
    clade_message in = {0};
    bool got = false, left = false;
    long pause = CLADE_SHORTEST_NAP;
    const double asked = clade_clock_calendar(), deadline = clade_clock_now() + PATIENCE;
    *machine = (clade_machine){.rank = rank};
    CLADE_TRY(clade_link_send(rank, CLADE_TAG_CALL, NULL, 0, NULL, 0, &out));
    while (!got && clade_clock_now() < deadline) {
        CLADE_TRY(clade_link_receive(rank, CLADE_TAG_READY, &in, &got));
        if (!got)
            clade_link_nap(&pause, CLADE_SHORTEST_NAP);
    }
    CLADE_TRY(clade_link_sent(&out, &left)); /* what has not left keeps its memory: MPI may still read it */
    if (got && take_answer(rank, &in, asked, machine) != CLADE_OK)
        machine->answered = false;
    clade_free(in.bytes);
    return CLADE_OK;
}

clade_status clade_roll_call(clade_machine *machines, size_t count)
{
    for (size_t rank = 1; rank < count; rank++)
        CLADE_TRY(ask((int)rank, &machines[rank]));
    return CLADE_OK;
}

/* ---- the others ---- */

static clade_status answer(int rank)
{
    clade_machine machine;
    clade_text text = {0};
    clade_reply header = {.status = clade_machine_look(rank, &machine)};
    if (header.status == CLADE_OK)
        clade_machine_print(&machine, &text);
    else
        clade_text_append(&text, "%s", clade_error_message());
    header.seconds = clade_clock_calendar();
    clade_machine_fini(&machine);
    const clade_status status =
        clade_link_deliver(0, CLADE_TAG_READY, &header, sizeof header, clade_text_get(&text), text.length);
    clade_text_free(&text);
    return status;
}

clade_status clade_roll_answer(int rank)
{
    for (;;) {
        clade_message in;
        CLADE_TRY(clade_link_await(0, CLADE_ANY, &in));
        clade_free(in.bytes);
        if (in.tag == CLADE_TAG_STOP)
            return clade_link_deliver(0, CLADE_TAG_STOPPED, NULL, 0, NULL, 0);
        CLADE_TRY(answer(rank));
    }
}
