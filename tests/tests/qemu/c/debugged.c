/* debugged.c: a chain of calls that a debugger's backtrace must show, although it is compiled with -O2. */
#include "faultline.h"

__attribute__((noinline)) static int leaf(int value) {
    __asm__ volatile("");
    return value + 1;
}

__attribute__((noinline)) static int middle(int value) { return leaf(2 * value) + 1; }

int main(int argc, char **argv) { return argv[argc] == NULL ? middle(argc + 7) - 22 : 1; }
