/* Fails, or kills at, the N-th call that changes files: IO_FAULT=N:kill|eio|enospc in the
 * environment of the process, which is looked at with every call, so that a forked child can be
 * armed. Only files below IO_BELOW count. IO_COUNT names a file that gets the number of calls, and
 * IO_JOURNAL one that gets all that was done, so that a loss of power can be replayed.
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

static void path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
}

/* Appends what was done to the file IO_JOURNAL: a line, then as many bytes as it says. */
static void note(char what, const char *path, long at, const void *data, size_t size) {
    const char *name = getenv("IO_JOURNAL");
    if (!name || !below(path)) return;
    int before = errno;
    int fd = REAL(int, open, const char *, int, ...)(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
    char *text = malloc(8192 + size);
    int length = snprintf(text, 8192, "%c\t%ld\t%zu\t%s\n", what, at, size, path);
    memcpy(text + length, data, size);
    if (fd >= 0) {
        if (REAL(ssize_t, write, int, const void *, size_t)(fd, text, length + size) < 0) abort();
        close(fd);
    }
    free(text);
    errno = before;
}
static void note_fd(char what, int fd, long at, const void *data, size_t size) {
    char path[4096];
    if (!getenv("IO_JOURNAL")) return;
    path_of(fd, path, sizeof path);
    note(what, path, at, data, size);
}

ssize_t write(int fd, const void *data, size_t size) {
    if (hit(below_fd(fd))) return -1;
    ssize_t done = REAL(ssize_t, write, int, const void *, size_t)(fd, data, size);
    if (done > 0 && getenv("IO_JOURNAL")) note_fd('W', fd, lseek(fd, 0, SEEK_CUR) - done, data, done);
    return done;
}
#define PWRITE(name, offset) ssize_t name(int fd, const void *data, size_t size, offset at) { \
    if (hit(below_fd(fd))) return -1; \
    ssize_t done = REAL(ssize_t, name, int, const void *, size_t, offset)(fd, data, size, at); \
    if (done > 0) note_fd('W', fd, at, data, done); \
    return done; }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
#define SYNC(name) int name(int fd) { \
    if (hit(below_fd(fd))) return -1; \
    int done = REAL(int, name, int)(fd); \
    if (!done) note_fd('S', fd, 0, "", 0); \
    return done; }
SYNC(fsync)
SYNC(fdatasync)
#define TRUNCATE(name, offset) int name(int fd, offset size) { \
    if (hit(below_fd(fd))) return -1; \
    int done = REAL(int, name, int, offset)(fd, size); \
    if (!done) note_fd('T', fd, size, "", 0); \
    return done; }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
int rename(const char *from, const char *to) {
    if (hit(below(from))) return -1;
    int done = REAL(int, rename, const char *, const char *)(from, to);
    if (!done) note('R', from, 0, to, strlen(to));
    return done;
}
int unlink(const char *path) {
    if (hit(below(path))) return -1;
    int done = REAL(int, unlink, const char *)(path);
    if (!done) note('U', path, 0, "", 0);
    return done;
}
int unlinkat(int fd, const char *name, int flags) {
    char path[8192];
    if (fd == AT_FDCWD) path[0] = 0; else path_of(fd, path, 4096);
    if (path[0]) strcat(path, "/");
    strncat(path, name, 4000);
    if (hit(below(path))) return -1;
    int done = REAL(int, unlinkat, int, const char *, int)(fd, name, flags);
    if (!done) note('U', path, 0, "", 0);
    return done;
}
int mkdir(const char *path, mode_t mode) {
    if (hit(below(path))) return -1;
    int done = REAL(int, mkdir, const char *, mode_t)(path, mode);
    if (!done) note('M', path, 0, "", 0);
    return done;
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    if (hit((flags & O_CREAT) && below(path))) return -1;
    int is_new = (flags & O_CREAT) && access(path, F_OK);
    int done = ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name))(path, flags, mode);
    if (done >= 0 && is_new) note('C', path, 0, "", 0);
    else if (done >= 0 && (flags & O_TRUNC)) note('T', path, 0, "", 0);
    return done;
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
