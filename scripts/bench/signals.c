/* Signal latency: a server that answers SIGUSR1, and a driver that sends it to supervisors in turn.
 *
 *   signals serve                   waits for SIGUSR1 and answers each with a byte on stdout; ends on SIGTERM
 *   signals drive ROUNDS PID:FD…    prints `INDEX NANOSECONDS` for each signal sent and answered
 *
 * FD is the reading end of that server's stdout.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 16 };

static long long now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

/* A server that sits in `sigwaitinfo`: the least there can be on the other side. */
static int serve(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    write(STDOUT_FILENO, "r", 1);
    for (;;) {
        int signal = sigwaitinfo(&all, NULL);
        if (signal == SIGUSR1)
            write(STDOUT_FILENO, "u", 1);
        else if (signal == SIGTERM)
            return 0;
    }
}

static int drive(int rounds, int count, char **subjects)
{
    int pids[MOST], fds[MOST];
    for (int i = 0; i < count && i < MOST; i++)
        sscanf(subjects[i], "%d:%d", &pids[i], &fds[i]);
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count && i < MOST; i++) {
            char byte;
            /* So that all of them are asleep, as they are in life. */
            usleep(200);
            long long begin = now();
            if (kill(pids[i], SIGUSR1) != 0 || read(fds[i], &byte, 1) != 1)
                return 1;
            printf("%d %lld\n", i, now() - begin);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        return serve();
    if (argc > 3 && strcmp(argv[1], "drive") == 0)
        return drive(atoi(argv[2]), argc - 3, argv + 3);
    return 64;
}
