/* A server that leaves orphans to PID 1 and looks at what they cost it.
 *
 *   orphans BURST BURSTS    prints `NANOSECONDS LEFT` for each burst: CPU time that PID 1 spent on it,
 *                           and the zombies still there 10 ms after its last member was told to end
 *
 * To be run as a child of PID 1, in a PID namespace with a /proc of its own.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* CPU time of PID 1 in nanoseconds: the first field of schedstat (Linux, Documentation/scheduler). */
static long long spent(void)
{
    long long time = -1;
    FILE *file = fopen("/proc/1/schedstat", "r");
    if (file) {
        if (fscanf(file, "%lld", &time) != 1)
            time = -1;
        fclose(file);
    }
    return time;
}

/* Processes that are there, besides PID 1 and us; only the zombies among them if so asked. */
static int others(int zombies)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        int pid = atoi(entry->d_name);
        char path[300], state = '?';
        if (!isdigit(entry->d_name[0]) || pid == 1 || pid == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && (!zombies || state == 'Z'))
            count++;
        fclose(file);
    }
    closedir(proc);
    return count;
}

/* Their parent ends, so they are PID 1's; then all are told to end at once. */
static void burst(int size)
{
    int gate[2];
    char byte;
    if (pipe(gate) != 0)
        exit(1);
    pid_t nursery = fork();
    if (nursery == 0) {
        close(gate[1]);
        for (int i = 0; i < size; i++)
            if (fork() == 0)
                _exit(read(gate[0], &byte, 1) != 0);
        _exit(0);
    }
    waitpid(nursery, NULL, 0);
    close(gate[0]);
    close(gate[1]);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    usleep(1500000); /* PID 1 has settled: app-init renews itself after a second */
    for (int left = atoi(argv[2]); left > 0; left--) {
        long long before = spent();
        burst(atoi(argv[1]));
        usleep(10000);
        int zombies = others(1);
        while (others(0) > 0)
            usleep(1000);
        printf("%lld %d\n", spent() - before, zombies);
    }
    return 0;
}
