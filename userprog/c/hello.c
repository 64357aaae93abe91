/* hello.c: a first C program. cargo xtask cc userprog/c/hello.c -o hello-c && cargo xtask exec 'hello-c you' */
#include "faultline.h"

static char zeroed[100000]; /* 25 pages that the file does not hold: each comes in, filled with zeros, when it is first touched */

int main(int argc, char **argv) {
    printf("hello from C, %s\n", argc > 1 ? argv[1] : "whoever you are");
    for (size_t i = 0; i < sizeof zeroed; i += 4096)
        assert(zeroed[i] == 0);
    zeroed[sizeof zeroed - 1] = 1;
    return 0;
}
