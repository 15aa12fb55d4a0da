/* Following a run: look, say what is new, pause. Nothing is held open between two looks. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "search/command/command.h"
#include "search/command/progress.h"
#include "search/command/run_status.h"
#include "search/command/stop.h"

#include "clade/clock.h"

static const double WORK_SHARE = 10.0; /* a look may take 1/10 of the time */

/* What was seen and said. */
typedef struct follower {
    const clade_follow_options *options;
    clade_text said;     /* last */
    double since_active; /* monotonic seconds when a session was last at work */
    bool finished;
    bool unsaid; /* what there was to say could not be printed: nobody reads it any more, or a disk is full */
} follower;

/* Sleep until SECONDS have passed or a signal comes. */
static void wait_seconds(double seconds)
{
    const double until = clade_clock_now() + seconds;
    while (!clade_stop_requested() && clade_clock_now() < until)
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

/* Print what is new. Two looks at a run where nothing happened give the same words. */
static clade_status say(follower *self, const clade_run_status *status)
{
    clade_text text = {0};
    if (self->options->json)
        clade_run_status_json(status, false, &text);
    else
        clade_run_status_line(status, &text);
    if (!self->options->json)
        clade_text_append(&text, "\n");
    if (clade_text_status(&text) == CLADE_OK && strcmp(clade_text_get(&text), clade_text_get(&self->said)) == 0) {
        clade_text_free(&text);
        return CLADE_OK;
    }
    clade_text_clear(&self->said);
    clade_text_append(&self->said, "%s", clade_text_get(&text));
    return clade_finish_output(CLADE_OK, &text);
}

/* One look. A reader may come at a bad moment (the session begins, a server is away): that is patience's matter, too. */
static clade_status look(follower *self, const char *run_folder, bool last)
{
    clade_run_status status = {0};
    clade_text text = {0};
    clade_status result = clade_run_status_read(run_folder, &status);
    if (result == CLADE_OK && (status.session.active || status.finished))
        self->since_active = clade_clock_now();
    self->finished = result == CLADE_OK && status.finished;
    const bool seen = result == CLADE_OK;
    if (seen)
        result = say(self, &status);
    if (result == CLADE_OK && !self->options->json && (last || self->finished)) {
        clade_run_status_people(&status, &text);
        result = clade_finish_output(result, &text);
    }
    self->unsaid = seen && result != CLADE_OK;
    clade_run_status_fini(&status);
    return result;
}

/* A pause, as long as asked for or as the last look was long, and a look. */
static clade_status pause_and_look(follower *self, const char *run_folder, double *took)
{
    wait_seconds(fmax(self->options->interval, WORK_SHARE * *took));
    const double start = clade_clock_now();
    const clade_status status = clade_stop_requested() ? CLADE_OK : look(self, run_folder, false);
    *took = clade_clock_now() - start;
    return status;
}

static clade_status follow(follower *self, const char *run_folder)
{
    clade_status status = look(self, run_folder, false);
    double took = 0.0;
    CLADE_TRY(status); /* what is no run is said at once */
    while (!self->finished && !self->unsaid && !clade_stop_requested()) {
        if (clade_clock_now() - self->since_active >= self->options->patience) {
            CLADE_TRY(status);
            CLADE_TRY(look(self, run_folder, true));
            return clade_fail(CLADE_EINTERRUPTED, "no session is at work on %s; to go on: clade resume %s", run_folder,
                              run_folder);
        }
        status = pause_and_look(self, run_folder, &took);
    }
    return self->unsaid ? status : CLADE_OK;
}

clade_status clade_run_follow(const char *run_folder, const clade_follow_options *options)
{
    follower self = {.options = options, .since_active = clade_clock_now()};
    clade_stop_catch();
    const clade_status status = follow(&self, run_folder);
    clade_text_free(&self.said);
    return status;
}
