/* files.c: every system call of the header but halt, mmap and munmap, as a C program makes them. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <syscall.h>

static const char text[] = "the quick brown fox";

/* What is in the file from `position` on, without moving anybody's position. */
static void expect(const char *name, unsigned position, const char *content) {
    char buffer[64];
    int fd = open(name);
    assert(fd >= 2);
    seek(fd, position);
    int n = (int)strlen(content);
    assert(read(fd, buffer, sizeof buffer) == n && memcmp(buffer, content, (size_t)n) == 0);
    close(fd);
}

int main(int argc, char **argv) {
    if (argc > 1)
        return argv[1][0]; /* what exec below asks for */
    assert(!create("a-name-too-long", 0) && create("c-file", 4) && !create("c-file", 4));
    int fd = open("c-file");
    assert(fd >= 2 && filesize(fd) == 4 && open("no-such-file") == -1);
    assert(write(fd, text, sizeof text - 1) == sizeof text - 1);
    assert(tell(fd) == sizeof text - 1 && filesize(fd) == sizeof text - 1);
    seek(fd, 4);
    assert(dup2(fd, 100) == 100 && tell(100) == 4);
    pid_t child = fork("c-child");
    assert(child != PID_ERROR);
    if (child == 0) {
        assert(write(100, "QUICK", 5) == 5 && tell(fd) == 9);
        exit(5);
    }
    assert(wait(child) == 5 && wait(child) == -1 && tell(fd) == 4);
    expect("c-file", 4, "QUICK brown fox");
    child = fork("c-exec");
    if (child == 0)
        exec("c-files x");
    assert(wait(child) == 'x');
    assert(remove("c-file") && !remove("c-file") && open("c-file") == -1);
    close(fd);
    assert(tell(100) == 4 && filesize(fd) == -1 && write(fd, "", 1) == -1);
    puts("files in C");
    return 0;
}
