#include "search/command/stop.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "clade/files.h"

/* Milliseconds after a stop: to come to an end, and to leave when all is kept. */
enum { GRACE = 800, GRACE_TO_LEAVE = 5000, MOST_HOURS = 100000 };

/* Set by the handlers, polled by whoever works: the globals that signals force on us. */
static volatile int stop_requested;
static volatile sig_atomic_t grace; /* milliseconds that a stop may take; 0: for ever */

/* Only what may be called in a handler. */
static void leave(clade_status status, const char *message)
{
    ssize_t ignored = write(STDERR_FILENO, message, strlen(message));
    (void)ignored;
    _exit((int)status);
}

/* 0: never. */
static void alarm_in(uint64_t milliseconds)
{
    const struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)(milliseconds / 1000), .tv_usec = (suseconds_t)(milliseconds % 1000 * 1000)}};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

static void request_stop(int signal_number)
{
    if (stop_requested && signal_number == SIGINT)
        leave(CLADE_EINTERRUPTED, "clade: stopped at once; what was done is kept\n");
    if (!stop_requested && grace > 0)
        alarm_in((uint64_t)grace);
    stop_requested = 1;
}

/* The time limit; or, after a stop, the end of the patience with it. */
static void time_is_up(int signal_number)
{
    if (stop_requested)
        leave(CLADE_EINTERRUPTED, "clade: stopped in the middle of its work; all results are kept, to go on: clade "
                                  "resume\n");
    request_stop(signal_number);
}

/* TEXT as it may be shown, in pieces, each by one write: a path may hold what a terminal obeys. */
static void say(const char *text)
{
    while (*text) {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= ' ' && text[plain] != 0x7f)
            plain++;
        ssize_t ignored = write(STDERR_FILENO, plain ? text : "?", plain ? plain : 1);
        (void)ignored;
        text += plain ? plain : 1;
    }
}

/* A mapped file cannot be read any more. Large pieces are populated first, with a message that names the tensor
 * (clade_checkpoint_populate); this is for the rest. */
static void leave_lost_file(int signal_number, siginfo_t *signal, void *context)
{
    const char *path;
    size_t bytes;
    (void)signal_number;
    (void)context;
    if (!clade_map_find(signal->si_addr, &path, &bytes))
        leave(CLADE_EIO, "clade: mapped memory cannot be had: the disk fails, or /dev/shm is full\n");
    say("clade: ");
    say(path);
    if (clade_file_is_shorter(path, bytes))
        leave(CLADE_EINPUT, ": was shortened while it was being read\n");
    leave(CLADE_EIO, ": cannot be read any more: the disk fails\n");
}

static void catch_signal(int signal_number, void (*handler)(int signal_number))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

void clade_stop_for_lost_files(void)
{
    struct sigaction action = {.sa_sigaction = leave_lost_file, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

void clade_stop_catch(void)
{
    catch_signal(SIGINT, request_stop);
    catch_signal(SIGTERM, request_stop);
    catch_signal(SIGUSR1, request_stop);
}

bool clade_stop_requested(void)
{
    return stop_requested != 0;
}

const volatile int *clade_stop_flag(void)
{
    return &stop_requested;
}

clade_status clade_stop_parse(const char *command, const char *option, const char *text, uint64_t *seconds)
{
    unsigned hours = 0, minutes = 0, rest = 0;
    int used = 0;
    *seconds = 0;
    if (text == NULL)
        return CLADE_OK;
    const bool digits = text[0] >= '0' && text[0] <= '9' && strspn(text, "0123456789:") == strlen(text);
    if (digits && sscanf(text, "%6u:%2u:%2u%n", &hours, &minutes, &rest, &used) == 3 && text[used] == '\0' &&
        hours <= MOST_HOURS && minutes < 60 && rest < 60)
        *seconds = ((uint64_t)hours * 60 + minutes) * 60 + rest;
    else if (digits && sscanf(text, "%9u%n", &rest, &used) == 1 && text[used] == '\0')
        *seconds = rest;
    if (*seconds == 0)
        return clade_fail(CLADE_EUSAGE, "clade %s: %s: found \"%s\", expected seconds or HH:MM:SS, above 0", command,
                          option, text);
    return CLADE_OK;
}

void clade_stop_after(uint64_t seconds)
{
    grace = GRACE;
    catch_signal(SIGALRM, time_is_up);
    if (seconds > 0)
        alarm_in(1000 * seconds);
    if (stop_requested) /* it came before */
        alarm_in(GRACE);
}

void clade_stop_settled(void)
{
    alarm_in(0);
    grace = GRACE_TO_LEAVE;
    if (stop_requested)
        alarm_in(GRACE_TO_LEAVE);
}
