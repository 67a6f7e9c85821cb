/* From the moment CLOCK_JUMP_AT (CLOCK_MONOTONIC, seconds) on, the wall clock is CLOCK_JUMP_BY seconds off.
   Loaded by LD_PRELOAD into a run and all that it starts, so that all of them see the same jump. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long off(void) {
    const char *at = getenv("CLOCK_JUMP_AT"), *by = getenv("CLOCK_JUMP_BY");
    struct timespec now;
    if (!at || !by) return 0;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9 >= atof(at) ? atol(by) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
    int status = syscall(SYS_clock_gettime, id, ts);
    if (!status && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) ts->tv_sec += off();
    return status;
}

int gettimeofday(struct timeval *tv, void *zone) {
    struct timespec ts;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (t) *t = ts.tv_sec;
    return ts.tv_sec;
}
