/* A minimal C runtime for Faultline: entry, system calls, printing a string. Include it once, define `int main(int, char **)`.
 *
 * Compile: gcc -O1 -ffreestanding -static -nostdlib -fno-pie -no-pie -fno-stack-protector -mno-red-zone -o hello hello.c */
#ifndef FAULTLINE_CRT_H
#define FAULTLINE_CRT_H

#include <stddef.h>

enum { SYS_HALT = 0, SYS_EXIT = 1, SYS_WRITE = 10 };
enum { STDIN = 0, STDOUT = 1 };

/* The number goes in rax, the arguments in rdi, rsi, rdx; the instruction spoils rcx and r11. */
static inline long syscall3(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static inline int write(int fd, const void *bytes, unsigned n) {
    return (int)syscall3(SYS_WRITE, fd, (long)bytes, n);
}

__attribute__((noreturn)) static inline void exit(int status) {
    syscall3(SYS_EXIT, status, 0, 0);
    for (;;) {
    }
}

static inline size_t length(const char *text) {
    size_t n = 0;
    while (text[n] != 0)
        n++;
    return n;
}

static inline void print(const char *text) { write(STDOUT, text, (unsigned)length(text)); }

int main(int argc, char **argv);

/* The kernel enters here with argc in edi and argv in rsi; the stack is aligned only to 8 bytes, main expects more. */
__asm__(".globl _start\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    and $-16, %rsp\n"
        "    call main\n"
        "    mov %eax, %edi\n"
        "    mov $1, %eax\n"
        "    syscall\n"
        "    ud2\n");

#endif
