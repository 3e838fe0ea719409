/* What the tests need of a process and no shell can do. Compiled by `support::probe` with `cc`. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Blocks everything, says `ready PID`, then prints the number of each signal; ends at SIGTERM. */
static int count(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    dprintf(1, "ready %d\n", getpid());
    for (;;) {
        int number = sigwaitinfo(&all, NULL);
        if (number > 0) dprintf(1, "got %d\n", number);
        if (number == SIGTERM) return 0;
    }
}

/* Which signals are ignored and blocked, the C library's own left out. */
static int state(void) {
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    printf("ignored:");
    for (int n = 1; n <= 64; n++) {
        struct sigaction action;
        if (n != 32 && n != 33 && sigaction(n, NULL, &action) == 0 && action.sa_handler == SIG_IGN) printf(" %d", n);
    }
    printf("\nblocked:");
    for (int n = 1; n <= 64; n++)
        if (sigismember(&mask, n) == 1) printf(" %d", n);
    printf("\n");
    return 0;
}

/* Runs argv with just the named signals ignored (i15), blocked (b15), descriptors closed (c0), and all
   above one (a2): those of tests that run at the same time. */
static int with(char **argv) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Whatever the tests were started with: a background job ignores SIGINT and SIGQUIT (XCU 2.11). */
    for (int n = 1; n < NSIG; n++) signal(n, SIG_DFL);
    for (; *argv && strcmp(*argv, "--"); argv++) {
        int n = atoi(*argv + 1);
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, n);
        if (**argv == 'i') signal(n, SIG_IGN);
        if (**argv == 'b') sigprocmask(SIG_BLOCK, &one, NULL);
        if (**argv == 'c') close(n);
        for (int above = n + 1; **argv == 'a' && above < 1024; above++) close(above);
    }
    execvp(argv[1], argv + 1);
    return 127;
}

/* Ends by this signal, whatever its disposition was. */
static int die(int number) {
    sigset_t none;
    sigemptyset(&none);
    signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    kill(getpid(), number);
    return 1;
}

static void doze(long millis) {
    struct timespec time = {millis / 1000, millis % 1000 * 1000000};
    while (nanosleep(&time, &time) == -1 && errno == EINTR) {}
}

/* Makes `n` orphans that end at once, `n` children that end together, and waits until none is left. */
static int orphans(int n) {
    for (int i = 0; i < n; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (fork() == 0) _exit(0);
            _exit(0);
        }
        if (child < 0) { i--; doze(1); continue; }
        waitpid(child, NULL, 0);
    }
    dprintf(1, "made %d\n", n);
    return count();
}

/* A worker that takes `millis` to save its work once it is asked to end. */
static int worker(long millis, const char *mark) {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    if (fork()) {
        /* The main process leaves at SIGTERM, when the worker is ready. */
        sigwaitinfo(&term, NULL);
        return 5;
    }
    dprintf(1, "worker %d\n", getpid());
    sigwaitinfo(&term, NULL);
    doze(millis);
    dprintf(1, "%s\n", mark);
    return 0;
}

/* Changes the user and goes on. */
static int as_nobody(char **argv) {
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) return 1;
    execvp(argv[0], argv);
    return 127;
}

/* Goes on in a process group of its own, as a shell's job does. */
static int in_group(char **argv) {
    if (setpgid(0, 0)) return 1;
    execvp(argv[0], argv);
    return 127;
}

/* Goes on in its parent's process group. */
static int in_parents_group(char **argv) {
    if (setpgid(0, getpgid(getppid()))) return 1;
    execvp(argv[0], argv);
    return 127;
}

/* The leader of a session with standard input as its terminal. */
static int on_terminal(char **argv) {
    if (setsid() < 0 || ioctl(0, TIOCSCTTY, 0)) return 1;
    execvp(argv[0], argv);
    return 127;
}

/* Says who is in front and what comes in; `stopped` is its own doing. */
static int foreground(void) {
    int tty = open("/dev/tty", O_RDWR);
    printf("front %s\n", tcgetpgrp(tty) == getpgrp() ? "yes" : "no");
    fflush(stdout);
    char line[100];
    ssize_t length = read(tty, line, sizeof line - 1);
    if (length < 0) { printf("read failed: %s\n", strerror(errno)); return 1; }
    line[length] = 0;
    printf("read %s", line);
    return 0;
}

/* Runs PATH with another argv[0]. */
static int named(char **argv) {
    execv(argv[1], (char *[]){argv[0], argv[2], argv[3], argv[4], NULL});
    return 127;
}

/* Goes on where nobody may become a subreaper: EPERM, as from a strict seccomp profile. */
static int unadopting(char **argv) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_CHILD_SUBREAPER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 99;
    execvp(argv[0], argv);
    return 127;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "count")) return count();
    if (!strcmp(what, "state")) return state();
    if (!strcmp(what, "with")) return with(argv + 2);
    if (!strcmp(what, "die")) return die(atoi(argv[2]));
    if (!strcmp(what, "orphans")) return orphans(atoi(argv[2]));
    if (!strcmp(what, "worker")) return worker(atol(argv[2]), argv[3]);
    if (!strcmp(what, "nobody")) return as_nobody(argv + 2);
    if (!strcmp(what, "group")) return in_group(argv + 2);
    if (!strcmp(what, "parents-group")) return in_parents_group(argv + 2);
    if (!strcmp(what, "terminal")) return on_terminal(argv + 2);
    if (!strcmp(what, "foreground")) return foreground();
    if (!strcmp(what, "unadopting")) return unadopting(argv + 2);
    if (!strcmp(what, "named")) return named(argv + 2);
    return 64;
}
