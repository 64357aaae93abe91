/* faultline.h: all that a C program under Faultline can use. It stands for stdio.h, stdlib.h, string.h, unistd.h, assert.h and syscall.h too.
 *
 * A program is a file with a `main`: `cargo xtask cc hello.c && cargo xtask exec hello` compiles and runs it (or just cc, just exec).
 * Next to this file: start.S enters main, library.c has the functions declared at the end, hello.c is a program to begin with.
 *
 * There is one thread, 1 MiB of stack, no heap, no thread-local storage, no constructors before main. Floating point is SSE2; the kernel
 * keeps AVX and AVX-512 registers too where the processor has them. */
#ifndef FAULTLINE_H
#define FAULTLINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NORETURN __attribute__((noreturn))
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define STDIN_FILENO 0  /* the console's input */
#define STDOUT_FILENO 1 /* the console's output */

/* ---- System calls. Numbers below 64 and meanings are those of pintos-kaist; a new call is one number here and one line below. ---- */

enum {
    SYS_HALT, SYS_EXIT, SYS_FORK, SYS_EXEC, SYS_WAIT, SYS_CREATE, SYS_REMOVE, SYS_OPEN, SYS_FILESIZE, SYS_READ, SYS_WRITE, SYS_SEEK, SYS_TELL,
    SYS_CLOSE, SYS_MMAP, SYS_MUNMAP, SYS_DUP2 = 22,
    SYS_TRACE = 64
};

typedef int pid_t, off_t;
#define PID_ERROR ((pid_t)-1)
#define MAP_FAILED ((void *)0)

/* The number goes in rax, up to five arguments in rdi, rsi, rdx, r10, r8; the result comes in rax. The instruction spoils rcx and r11. */
static __inline__ long syscall(long number, long a, long b, long c, long d, long e) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

/* halt() powers the machine off at once. exit() ends the program. A bad pointer given to any call ends the program with status -1. */
NORETURN static __inline__ void halt(void) { for (;;) syscall(SYS_HALT, 0, 0, 0, 0, 0); }
NORETURN static __inline__ void exit(int status) { for (;;) syscall(SYS_EXIT, status, 0, 0, 0, 0); }

/* fork() copies the program: 0 in the child, its number in the parent, -1 if memory runs out; `name` is what the child's exit line says. exec() runs
 * another program in this one's place and does not return: one that cannot be run ends this one. wait() returns the child's exit status, once; else -1. */
static __inline__ pid_t fork(const char *name) { return (pid_t)syscall(SYS_FORK, (long)name, 0, 0, 0, 0); }
static __inline__ int exec(const char *command) { return (int)syscall(SYS_EXEC, (long)command, 0, 0, 0, 0); }
static __inline__ int wait(pid_t pid) { return (int)syscall(SYS_WAIT, pid, 0, 0, 0, 0); }

/* Files have names of 1 to 14 bytes and no directories. create() makes one of `size` zero bytes. remove() takes the name at once, the file when nobody
 * has it open any more. open() gives a descriptor of 2 or more with a position of its own, or -1. filesize() is -1 for what is no file. */
static __inline__ bool create(const char *name, unsigned size) { return syscall(SYS_CREATE, (long)name, size, 0, 0, 0) != 0; }
static __inline__ bool remove(const char *name) { return syscall(SYS_REMOVE, (long)name, 0, 0, 0, 0) != 0; }
static __inline__ int open(const char *name) { return (int)syscall(SYS_OPEN, (long)name, 0, 0, 0, 0); }
static __inline__ int filesize(int fd) { return (int)syscall(SYS_FILESIZE, fd, 0, 0, 0, 0); }
static __inline__ void close(int fd) { (void)syscall(SYS_CLOSE, fd, 0, 0, 0, 0); }

/* read() and write() return how many bytes they moved, from and to the descriptor's position, or -1. 0 is the end of a file; written to, a file grows,
 * but not while a process runs it: then write() returns 0. What one write() puts on the console stands there unbroken. */
static __inline__ int read(int fd, void *bytes, unsigned n) { return (int)syscall(SYS_READ, fd, (long)bytes, n, 0, 0); }
static __inline__ int write(int fd, const void *bytes, unsigned n) { return (int)syscall(SYS_WRITE, fd, (long)bytes, n, 0, 0); }
static __inline__ void seek(int fd, unsigned position) { (void)syscall(SYS_SEEK, fd, position, 0, 0, 0); }
static __inline__ unsigned tell(int fd) { return (unsigned)syscall(SYS_TELL, fd, 0, 0, 0, 0); }

/* dup2() makes `to`, any number from 0 on, share file and position with `from`: `to`, or -1. A forked child keeps what shares, with positions of its own. */
static __inline__ int dup2(int from, int to) { return (int)syscall(SYS_DUP2, from, to, 0, 0, 0); }

/* trace() changes which classes of events are traced, for the whole machine, in the words of the kernel option `trace=`: trace("+syscall"), trace("none"),
 * trace("usual"). False if it does not know a word; then nothing changes. */
static __inline__ bool trace(const char *words) { return syscall(SYS_TRACE, (long)words, 0, 0, 0, 0) != 0; }

/* mmap() shows `length` bytes of a file at `address`, both page-aligned: `address`, or MAP_FAILED. munmap() ends a mapping and writes back what it changed. */
static __inline__ void *mmap(void *address, size_t length, int writable, int fd, off_t offset) {
    return (void *)syscall(SYS_MMAP, (long)address, (long)length, writable, fd, offset);
}
static __inline__ void munmap(void *address) { (void)syscall(SYS_MUNMAP, (long)address, 0, 0, 0, 0); }

/* ---- Printing. Each call is one write (of up to 512 bytes), so lines arrive unbroken. ---- */

/* %d %i %u %x %X %o %c %s %p %f %%, with - + 0 space #, width, precision, * and the lengths hh h l ll z t j. Anything else is printed as it stands. */
int printf(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
int vprintf(const char *format, va_list arguments);
/* Into `buffer`, at most `size` bytes with the ending 0; the length that the whole text has. */
int snprintf(char *buffer, size_t size, const char *format, ...) __attribute__((__format__(__printf__, 3, 4)));
int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);
int puts(const char *line); /* adds the line end */
int putchar(int byte);

/* ---- Memory and text, as in every C library. ---- */

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *in, int byte, size_t n);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strcpy(char *to, const char *from);
char *strcat(char *to, const char *from);
char *strchr(const char *in, int byte);
char *strrchr(const char *in, int byte);
char *strstr(const char *in, const char *text);
int atoi(const char *digits);

/* Ends the program with status 1 if the condition does not hold, and says where. */
#define assert(condition) \
    ((condition) ? (void)0 : (printf("%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition), exit(EXIT_FAILURE)))

#endif
