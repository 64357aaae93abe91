/* hello.c: a C program that was not written for this kernel's build: bring it with `cargo xtask run --put hello --exec hello`.
 *
 * Compile: gcc -O1 -ffreestanding -static -nostdlib -fno-pie -no-pie -fno-stack-protector -mno-red-zone -o hello hello.c */
#include "crt.h"

static int counter = 41;
static char zeroed[10000];

int main(int argc, char **argv) {
    print("hello from C, started as ");
    print(argc > 0 ? argv[0] : "?");
    print("\n");
    for (size_t i = 0; i < sizeof zeroed; i++)
        if (zeroed[i] != 0)
            return 1;
    zeroed[9999] = 1;
    counter++;
    return counter == 42 ? 0 : 2;
}
