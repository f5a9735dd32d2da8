/* A disk that fails on command: preloaded between the program and libc.

   Counts the calls that change files below one folder. At the n-th it kills the process, tears a write, or fails
   with an errno; and it can write down every change, for a power cut to be played later.
   Inactive until armed. Reads are not counted, nor is SQLite's -shm: shared memory, rebuilt after a crash. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, KILL, TEAR, FAIL_ONCE, FAIL_ON };

static char root[PATH_MAX];
static size_t root_length;
static enum mode mode;
static long at;
static int error_number, log_handle = -1, opens_count;
static atomic_long calls;

void disk_arm(const char *folder, int how, long when, int number, int log, int opens) {
    mode = how, at = when, error_number = number, log_handle = log, opens_count = opens;
    atomic_store(&calls, 0);
    root_length = strlen(folder);
    memcpy(root, folder, root_length + 1);
}

void disk_disarm(void) { root_length = 0; }

long disk_calls(void) { return atomic_load(&calls); }

static int below(const char *path) {
    if (!root_length || strncmp(path, root, root_length)) return 0;
    size_t length = strlen(path);
    if (length > 4 && !strcmp(path + length - 4, "-shm")) return 0;
    return path[root_length] == '/' || !path[root_length];
}

static const char *named(int folder, const char *path, char *into) {
    if (path[0] == '/') return path;
    ssize_t length;
    if (folder == AT_FDCWD) {
        if (!getcwd(into, PATH_MAX)) return path;
        length = strlen(into);
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        length = readlink(link, into, PATH_MAX - 1);
        if (length < 0) return path;
    }
    snprintf(into + length, PATH_MAX - length, "/%s", path);
    return into;
}

static const char *opened(int handle, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, into, PATH_MAX - 1);
    if (length < 0) return NULL;
    into[length] = 0;
    return into;
}

/* One change, or a call that failed on command: head, two paths, bytes. */
static void note(char what, const char *path, const char *other, int64_t offset, uint64_t file, const void *bytes,
                 size_t length) {
    if (log_handle < 0) return;
    int before = errno;
    struct __attribute__((packed)) {
        char what;
        uint32_t path, other, bytes;
        int64_t offset;
        uint64_t file;
    } head = {what, strlen(path), other ? strlen(other) : 0, length, offset, file};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)other, head.other},
                            {(void *)bytes, length}};
    syscall(SYS_writev, log_handle, parts, 4);
    errno = before;
}

void disk_mark(const char *text) { note('m', text, NULL, 0, 0, NULL, 0); }

static uint64_t file_of(int handle) {
    struct stat found;
    return fstat(handle, &found) ? 0 : found.st_ino;
}

/* Whether this call is to fail; does not return if the process is to die here. ``torn`` says how it may die. */
static int refused(const char *path, char what, uint64_t file, int *torn) {
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (number < at || (number > at && mode != FAIL_ON) || !at) return 0;
    if (mode == KILL || (mode == TEAR && !torn)) kill(getpid(), SIGKILL);
    if (mode == TEAR) *torn = 1;
    if (mode != FAIL_ONCE && mode != FAIL_ON) return 0;
    char text[] = {'!', what, 0};
    note('!', path, text + 1, 0, file, NULL, 0);
    errno = error_number;
    return 1;
}

static int open_at(int folder, const char *path, int flags, mode_t permissions) {
    char into[PATH_MAX], *name = (char *)named(folder, path, into);
    int changes = flags & (O_CREAT | O_TRUNC);
    if (!below(name) || (!changes && !opens_count)) return syscall(SYS_openat, folder, path, flags, permissions);
    struct stat found;
    int there = !stat(name, &found);
    if (there && !(flags & O_TRUNC)) changes = 0; /* nothing to create */
    if ((changes || opens_count) && refused(name, changes ? 'c' : 'o', there ? found.st_ino : 0, NULL)) return -1;
    int handle = syscall(SYS_openat, folder, path, flags, permissions);
    char what = handle < 0 ? 'f' : !there ? 'c' : flags & O_TRUNC ? 't' : 'o';
    if (changes || opens_count) note(what, name, NULL, 0, handle < 0 ? 0 : file_of(handle), NULL, 0);
    return handle;
}

#define WITH_PERMISSIONS \
    mode_t permissions = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        permissions = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) { WITH_PERMISSIONS return open_at(AT_FDCWD, path, flags, permissions); }
int open64(const char *path, int flags, ...) { WITH_PERMISSIONS return open_at(AT_FDCWD, path, flags, permissions); }
int openat(int folder, const char *path, int flags, ...) {
    WITH_PERMISSIONS return open_at(folder, path, flags, permissions);
}
int openat64(int folder, const char *path, int flags, ...) {
    WITH_PERMISSIONS return open_at(folder, path, flags, permissions);
}

static ssize_t write_at(int handle, const void *bytes, size_t length, off_t offset, int positioned) {
    char into[PATH_MAX];
    const char *name = root_length ? opened(handle, into) : NULL;
    int torn = 0, counted = name && below(name);
    if (counted && refused(name, 'w', file_of(handle), &torn)) return -1;
    size_t some = torn ? length / 2 : length;
    if (counted && !positioned) {
        offset = fcntl(handle, F_GETFL) & O_APPEND ? lseek(handle, 0, SEEK_END) : lseek(handle, 0, SEEK_CUR);
    }
    ssize_t done = positioned ? syscall(SYS_pwrite64, handle, bytes, some, offset)
                              : syscall(SYS_write, handle, bytes, some);
    if (torn) kill(getpid(), SIGKILL);
    if (counted) note(done < 0 ? 'f' : 'w', name, NULL, offset, file_of(handle), bytes, done < 0 ? 0 : done);
    return done;
}

ssize_t write(int handle, const void *bytes, size_t length) { return write_at(handle, bytes, length, 0, 0); }
ssize_t pwrite(int handle, const void *bytes, size_t length, off_t offset) {
    return write_at(handle, bytes, length, offset, 1);
}
ssize_t pwrite64(int handle, const void *bytes, size_t length, off_t offset) {
    return write_at(handle, bytes, length, offset, 1);
}
/* Callers must expect a short count: one part after the other is as good. */
ssize_t writev(int handle, const struct iovec *parts, int number) {
    if (!root_length) return syscall(SYS_writev, handle, parts, number);
    return number ? write_at(handle, parts[0].iov_base, parts[0].iov_len, 0, 0) : 0;
}

static int on_handle(int handle, char what, off_t size, long call) {
    char into[PATH_MAX];
    const char *name = root_length ? opened(handle, into) : NULL;
    int counted = name && below(name);
    if (counted && refused(name, what, file_of(handle), NULL)) return -1;
    int result = what == 't' ? syscall(call, handle, size) : syscall(call, handle);
    if (counted) note(result ? 'f' : what, name, NULL, size, file_of(handle), NULL, 0);
    return result;
}

int fsync(int handle) { return on_handle(handle, 's', 0, SYS_fsync); }
int fdatasync(int handle) { return on_handle(handle, 's', 0, SYS_fdatasync); }
int ftruncate(int handle, off_t size) { return on_handle(handle, 't', size, SYS_ftruncate); }
int ftruncate64(int handle, off_t size) { return on_handle(handle, 't', size, SYS_ftruncate); }

static int on_path(const char *path, char what, const char *other, int (*work)(const char *, const char *)) {
    if (!below(path)) return work(path, other);
    if (refused(path, what, 0, NULL)) return -1;
    int result = work(path, other);
    note(result ? 'f' : what, path, other, 0, 0, NULL, 0);
    return result;
}

static int do_rename(const char *path, const char *other) {
    return syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, 0);
}
static int do_link(const char *path, const char *other) {
    return syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, other, 0);
}
static int do_unlink(const char *path, const char *other) { return syscall(SYS_unlinkat, AT_FDCWD, path, other ? AT_REMOVEDIR : 0); }
static mode_t permissions_of_folder;
static int do_mkdir(const char *path, const char *other) {
    (void)other;
    return syscall(SYS_mkdirat, AT_FDCWD, path, permissions_of_folder);
}

int rename(const char *path, const char *other) { return on_path(path, 'r', other, do_rename); }
int link(const char *path, const char *other) { return on_path(path, 'l', other, do_link); }
int unlink(const char *path) { return on_path(path, 'u', NULL, do_unlink); }
int rmdir(const char *path) { return on_path(path, 'u', "folder", do_unlink); }
int mkdir(const char *path, mode_t permissions) {
    permissions_of_folder = permissions;
    return on_path(path, 'd', NULL, do_mkdir);
}
int renameat(int folder, const char *path, int there, const char *other) {
    char from[PATH_MAX], to[PATH_MAX];
    return rename(named(folder, path, from), named(there, other, to));
}
int unlinkat(int folder, const char *path, int flags) {
    char from[PATH_MAX];
    const char *name = named(folder, path, from);
    return flags & AT_REMOVEDIR ? rmdir(name) : unlink(name);
}
