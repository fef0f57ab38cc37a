/* Fails, or kills at, the N-th call that changes files: IO_FAULT=N:kill|eio|enospc in the
 * environment of the process, which is looked at with every call, so that a forked child can be
 * armed. Only files below IO_BELOW count. IO_COUNT names a file that gets the number of calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long calls;

static int below(const char *path) {
    const char *root = getenv("IO_BELOW");
    return root && path && strncmp(path, root, strlen(root)) == 0;
}

static int below_fd(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Whether this call fails. */
static int hit(int counts) {
    const char *plan = getenv("IO_FAULT");
    if (!plan || !counts) return 0;
    long number = __sync_add_and_fetch(&calls, 1);
    char *action;
    long wanted = strtol(plan, &action, 10);
    if (number != wanted) return 0;
    if (!strcmp(action, ":kill")) raise(SIGKILL);
    errno = strcmp(action, ":eio") ? ENOSPC : EIO;
    return 1;
}

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    return hit(below_fd(fd)) ? -1 : REAL(ssize_t, write, int, const void *, size_t)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return hit(below_fd(fd)) ? -1 : REAL(ssize_t, pwrite, int, const void *, size_t, off_t)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return hit(below_fd(fd)) ? -1 : REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)(fd, data, size, at);
}
int fsync(int fd) { return hit(below_fd(fd)) ? -1 : REAL(int, fsync, int)(fd); }
int fdatasync(int fd) { return hit(below_fd(fd)) ? -1 : REAL(int, fdatasync, int)(fd); }
int ftruncate(int fd, off_t size) { return hit(below_fd(fd)) ? -1 : REAL(int, ftruncate, int, off_t)(fd, size); }
int ftruncate64(int fd, off64_t size) { return hit(below_fd(fd)) ? -1 : REAL(int, ftruncate64, int, off64_t)(fd, size); }
int rename(const char *from, const char *to) { return hit(below(from)) ? -1 : REAL(int, rename, const char *, const char *)(from, to); }
int unlink(const char *path) { return hit(below(path)) ? -1 : REAL(int, unlink, const char *)(path); }
int mkdir(const char *path, mode_t mode) { return hit(below(path)) ? -1 : REAL(int, mkdir, const char *, mode_t)(path, mode); }

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    if (hit((flags & O_CREAT) && below(path))) return -1;
    return ((int (*)(const char *, int, mode_t))dlsym(RTLD_NEXT, name))(path, flags, mode);
}
#define OPEN(name) int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    return opened(#name, path, flags, mode); }
OPEN(open)
OPEN(open64)

static void tell(void) __attribute__((destructor));
static void tell(void) {
    const char *name = getenv("IO_COUNT");
    if (!name || !getenv("IO_FAULT")) return;
    char text[32];
    int fd = REAL(int, open, const char *, int, ...)(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int size = snprintf(text, sizeof text, "%ld", calls);
    if (fd >= 0 && REAL(ssize_t, write, int, const void *, size_t)(fd, text, size) >= 0) close(fd);
}
