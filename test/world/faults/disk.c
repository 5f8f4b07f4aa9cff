/*
 * A disk that misbehaves, for one process: LD_PRELOAD between SQLite and the kernel.
 *   DISK_FOLDER     files in it are concerned, no others
 *   DISK_CONTROL    a file with one word, looked up at each call: "slow MS" (each sync takes that long), "readonly"
 *                   (as a file system that the kernel has remounted), "broken" (I/O errors when written), "dead" (when
 *                   read as well), "full" (no file can grow); empty: a good disk
 *   DISK_SYNCED     a folder that gets a copy of each file as of its last sync: what a power cut is sure to leave
 *   DISK_CRASH_AT   the number of the sync at which the machine dies, before anything of it has reached the disk
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int path_of(int fd, char *path, size_t size) {
  const char *folder = getenv("DISK_FOLDER");
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (!folder || length <= 0) return 0;
  path[length] = 0;
  size_t prefix = strlen(folder);
  return strncmp(path, folder, prefix) == 0 && path[prefix] == '/';
}

static void control(char *text, size_t size) {
  const char *file = getenv("DISK_CONTROL");
  text[0] = 0;
  int fd = file ? open(file, O_RDONLY) : -1;
  if (fd < 0) return;
  ssize_t length = read(fd, text, size - 1);
  text[length > 0 ? length : 0] = 0;
  close(fd);
}

/* 0, or -1 with errno when this disk takes no writes now. */
static int refuse(int fd) {
  char path[4096], word[64];
  if (!path_of(fd, path, sizeof path)) return 0;
  control(word, sizeof word);
  if (strncmp(word, "readonly", 8) == 0) errno = EROFS;
  else if (strncmp(word, "broken", 6) == 0 || strncmp(word, "dead", 4) == 0) errno = EIO;
  else return 0;
  return -1;
}

/* As `refuse`, and when this write would make a file longer on a full disk. */
static int refuse_write(int fd, off64_t end) {
  char path[4096], word[64];
  struct stat64 about;
  if (refuse(fd)) return -1;
  if (!path_of(fd, path, sizeof path)) return 0;
  control(word, sizeof word);
  if (strncmp(word, "full", 4) != 0 || fstat64(fd, &about) != 0 || end <= about.st_size) return 0;
  errno = ENOSPC;
  return -1;
}

static int unreadable(int fd) {
  char path[4096], word[64];
  if (!path_of(fd, path, sizeof path)) return 0;
  control(word, sizeof word);
  errno = EIO;
  return strncmp(word, "dead", 4) == 0;
}

static void keep_copy(const char *path) {
  const char *folder = getenv("DISK_SYNCED");
  if (!folder) return;
  char target[4200], fresh[4300], block[65536];
  snprintf(target, sizeof target, "%s/%s", folder, strrchr(path, '/') + 1);
  snprintf(fresh, sizeof fresh, "%s.new", target);
  int from = open(path, O_RDONLY), to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ssize_t length;
  while ((length = read(from, block, sizeof block)) > 0)
    if (REAL(write)(to, block, length) != length) abort();
  close(from);
  close(to);
  rename(fresh, target);
}

static int sync_with(int (*sync)(int), int fd) {
  static atomic_int syncs;
  char path[4096], word[64];
  if (!path_of(fd, path, sizeof path)) return sync(fd);
  const char *crash = getenv("DISK_CRASH_AT");
  if (crash && atomic_fetch_add(&syncs, 1) + 1 == atoi(crash)) kill(getpid(), SIGKILL);
  if (refuse(fd)) return -1;
  control(word, sizeof word);
  if (strncmp(word, "slow ", 5) == 0) {
    long ms = atol(word + 5);
    struct timespec pause = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
  }
  int result = sync(fd);
  struct stat about;
  if (result == 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) keep_copy(path);
  return result;
}

int fsync(int fd) { return sync_with(REAL(fsync), fd); }
int fdatasync(int fd) { return sync_with(REAL(fdatasync), fd); }
ssize_t write(int fd, const void *data, size_t size) { return refuse(fd) ? -1 : REAL(write)(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return refuse_write(fd, at + size) ? -1 : REAL(pwrite)(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return refuse_write(fd, at + size) ? -1 : REAL(pwrite64)(fd, data, size, at); }
ssize_t pread(int fd, void *data, size_t size, off_t at) { return unreadable(fd) ? -1 : REAL(pread)(fd, data, size, at); }
ssize_t pread64(int fd, void *data, size_t size, off64_t at) { return unreadable(fd) ? -1 : REAL(pread64)(fd, data, size, at); }
int ftruncate(int fd, off_t size) { return refuse(fd) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return refuse(fd) ? -1 : REAL(ftruncate64)(fd, size); }
