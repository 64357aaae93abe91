/* start.S: where the kernel enters a C program. Calls main(argc, argv) and ends the program with what it returns. */

    .cfi_sections .debug_frame
    .section .text.start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    .cfi_startproc
    .cfi_undefined rip          /* nothing called us: a debugger's backtrace ends here */
    /* argc is in edi and argv in rsi already. The kernel aligns the stack to 8 bytes only; compiled code relies on 16. */
    xor  %ebp, %ebp
    and  $-16, %rsp
    cmpb $0, main(%rip)         /* loads main's page: a debugger's breakpoint there would else stop before its page fault and after it */
    call main
    mov  %eax, %edi             /* exit(what main returned) */
    mov  $1, %eax
    syscall
    ud2
    .cfi_endproc
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
