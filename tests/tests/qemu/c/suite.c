/* suite.c: what compiled C relies on: data, constants and bss, recursion, the library's functions, SSE at -O2, main's arguments. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3000 };

static const int constants[4] = {2, 3, 5, 7};
static const char *const names[] = {"zero", "one", "two"}; /* constants with addresses in them */
static int data[N] = {[0] = 11, [N - 1] = 99};
static int bss[N];
static double matrix[32][32], product[32][32];

static unsigned ackermann(unsigned m, unsigned n) {
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

/* Each level has a frame of its own of more than a page: the stack grows far. */
static unsigned deep(unsigned levels) {
    volatile char frame[5000];
    frame[0] = frame[4999] = (char)levels;
    return levels == 0 ? 0 : deep(levels - 1) + (frame[0] == frame[4999]);
}

static void memory(void) {
    for (int i = 0; i < N; i++) {
        assert(bss[i] == 0);
        assert(data[i] == (i == 0 ? 11 : i == N - 1 ? 99 : 0));
    }
    for (int i = 0; i < N; i++)
        bss[i] = data[i] + constants[i % 4];
    assert(bss[0] == 13 && bss[N - 1] == 106);
    assert(strcmp(names[2], "two") == 0);
}

static void text(void) {
    char line[32] = "abc";
    assert(strlen(strcat(line, "defg")) == 7);
    memmove(line + 2, line, 8);
    assert(strcmp(line, "ababcdefg") == 0);
    memmove(line, line + 2, 8);
    assert(strncmp(line, "abcdefg", 8) == 0 && memcmp(line, "abd", 3) < 0);
    assert(strchr(line, 'd') == line + 3 && strchr(line, 'x') == NULL && strrchr(line, 0) == line + 7);
    assert(strstr(line, "efg") == line + 4 && strstr(line, "eg") == NULL && strstr(line, "") == line);
    assert(memchr(line, 'g', 6) == NULL && strcmp(strcpy(line, ""), "a") < 0);
    memset(line, 'x', sizeof line);
    assert(line[0] == 'x' && line[31] == 'x');
    assert(atoi(" -42x") == -42 && atoi("2147483647") == 2147483647);
}

static void printing(void) {
    char line[16];
    assert(snprintf(line, sizeof line, "%s", "a text that is longer") == 21 && strlen(line) == 15);
    printf("%d %5d|%-5d|%05d %u %x %#X %c %s %.2s %%\n", -7, 42, 42, -42, 4000000000u, 255, 255, 'c', "text", "cut");
    printf("%ld %llu %zu %hhd %p %+d %*d %.3f %f %5.1f %d%q\n", -1L, 1ull << 63, sizeof line, 511, (void *)0x4000, 3, 4, 5, 3.14159, -0.5, 2.25, 9);
    puts("");
}

/* Vectorised by -O2 and -O3; 16-aligned accesses of the stack fault if main's is not. */
static void floating(int argc) {
    for (int i = 0; i < 32; i++)
        for (int j = 0; j < 32; j++)
            matrix[i][j] = (i == j) * (2.0 + argc);
    for (int i = 0; i < 32; i++)
        for (int j = 0; j < 32; j++)
            for (int k = 0; k < 32; k++)
                product[i][j] += matrix[i][k] * matrix[k][j];
    double trace = 0;
    for (int i = 0; i < 32; i++)
        trace += product[i][i];
    printf("trace %.1f\n", trace);
    __attribute__((aligned(16))) volatile float four[4] = {1, 2, 3, 4};
    __asm__("movaps %0, %%xmm7" : : "m"(four) : "xmm7");
    unsigned __int128 wide = ((unsigned __int128)1 << 100) / (unsigned)(argc + 1);
    printf("wide %llx\n", (unsigned long long)(wide >> 64)); /* by libgcc */
}

int main(int argc, char **argv) {
    memory();
    text();
    printing();
    floating(argc);
    assert(ackermann(2, 300) == 603);
    assert(deep(100) == 100);
    assert(argv[argc] == NULL);
    printf("%s: %d arguments, the last is '%s'\n", argv[0], argc - 1, argv[argc - 1]);
    return 7;
}
