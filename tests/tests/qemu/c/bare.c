/* bare.c: a program without header or runtime of ours: gcc -static -nostdlib, and system calls by hand. */

static const char hello[] = "bare: no header, no runtime\n";
static long counter = 41;

static long call(long number, long a, const void *b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

void _start(int argc, char **argv) {
    long written = call(10, 1, hello, sizeof hello - 1);
    counter++;
    call(1, written == sizeof hello - 1 && argc == 2 && argv[1][0] == 'x' ? counter : 1, 0, 0);
    for (;;)
        ;
}
