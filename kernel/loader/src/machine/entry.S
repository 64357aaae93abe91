# From multiboot's 32-bit protected mode, or from an application processor's 16-bit reset state, into 64-bit mode.
#
# Boot processor: loader_start -> loader_main(magic, info). Others: ap_trampoline (copied below 1 MiB) -> ap_entry (smp.rs).
# Both leave with the protocol's GDT and PAT, CR0 = PG|WP|ET|PE, CR4 = PAE, EFER = LME|LMA|NXE, and the first 4 GiB
# mapped twice: at 0 and at HHDM.

.set CODE16, 0x08
.set DATA16, 0x10
.set CODE32, 0x18
.set DATA32, 0x20
.set CODE64, 0x28
.set DATA64, 0x30
.set HHDM, {hhdm}                   # names in braces are entry.rs's
.set TRAMPOLINE, {trampoline}       # smp.rs copies the trampoline there

# The multiboot 1 header with address fields: the file is an ELF64, which multiboot loaders would not parse.
.set MB_MAGIC, 0x1badb002
.set MB_FLAGS, 0x00010003           # page-aligned modules, memory information, address fields
.section .multiboot, "ax", @progbits
.balign 4
multiboot_header:
    .long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
    .long multiboot_header, loader_image_start, loader_file_end, loader_image_end, loader_start

# Turns on 64-bit paging with boot_pml4. Clobbers eax, ecx, edx.
.macro ENTER_LONG_MODE target
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0x20, %eax                # CR4: PAE
    movl %eax, %cr4
    movl $0x277, %ecx               # IA32_PAT: WB WT UC- UC WP WC, the protocol's layout
    movl $0x00070406, %eax
    movl $0x00000105, %edx
    wrmsr
    movl $0xc0000080, %ecx          # EFER: NXE, LME
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl $0x80010011, %eax          # CR0: PG, WP, ET, PE
    movl %eax, %cr0
    ljmpl $CODE64, $\target
.endm

.macro LOAD_DATA_SEGMENTS selector
    movw $\selector, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
.endm

.text
.code32
.globl loader_start
loader_start:
    cli
    cld
    movl %eax, %ebp                 # the multiboot magic; %ebx has the information's address
    movl $loader_file_end, %edi     # zero .bss
    movl $loader_image_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx                   # loader_file_end is 16-aligned, loader_image_end page-aligned
    xorl %eax, %eax
    rep stosl
    movl $boot_stack_top, %esp

    movl %ebx, %esi                 # cpuid clobbers ebx
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb unsuitable_cpu
    movl $0x80000001, %eax
    cpuid
    andl $0x20100000, %edx          # long mode and NX
    cmpl $0x20100000, %edx
    jne unsuitable_cpu
    movl %esi, %ebx

    movl $boot_pdpt + 3, %eax       # present, writable
    movl %eax, boot_pml4
    movl %eax, boot_pml4 + 256 * 8  # the direct map's slot
    movl $boot_pd + 3, %eax
    movl $boot_pdpt, %edi
1:  movl %eax, (%edi)               # four page directories
    addl $0x1000, %eax
    addl $8, %edi
    cmpl $boot_pd + 0x4003, %eax
    jne 1b
    movl $boot_pd, %edi
    movl $0x83, %eax                # present, writable, 2 MiB
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    lgdtl boot_gdtr
    ENTER_LONG_MODE boot64

unsuitable_cpu:
    movl $unsuitable_cpu_text, %esi
    movl $unsuitable_cpu_text_end - unsuitable_cpu_text, %ecx
1:  lodsb                           # the port may still be busy, so wait before each byte
    movb %al, %ah
    movw ${com1} + 5, %dx           # line status
2:  inb %dx, %al
    testb $0x20, %al
    jz 2b
    movw ${com1}, %dx
    movb %ah, %al
    outb %al, %dx
    decl %ecx
    jnz 1b
    movw ${debug_exit}, %dx
    movl ${exit_value}, %eax
    outl %eax, %dx
3:  hlt
    jmp 3b

.code64
boot64:
    LOAD_DATA_SEGMENTS DATA64
    movl %ebp, %edi
    movl %ebx, %esi
    movl %esp, %esp                 # clear the upper half
    xorl %ebp, %ebp
    call loader_main
    ud2

# Application processors begin here, at TRAMPOLINE, CS = TRAMPOLINE >> 4, and go on in the image as soon as they can.
.globl ap_trampoline, ap_trampoline_end
.balign 16
.code16
ap_trampoline:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl TRAMPOLINE + (ap_gdtr - ap_trampoline)
    movl $0x11, %eax                # CR0: ET, PE
    movl %eax, %cr0
    ljmpl $CODE32, $ap32
.balign 4
ap_gdtr:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt
ap_trampoline_end:

.code32
ap32:
    movw $DATA32, %ax
    movw %ax, %ds
    movw %ax, %ss
    ENTER_LONG_MODE ap64
.code64
ap64:
    LOAD_DATA_SEGMENTS DATA64
    movabsq $ap_entry + HHDM, %rax  # the identity map ends with the loader: go on at the direct map's alias
    jmpq *%rax

.section .rodata
unsuitable_cpu_text:
    .ascii "loader: error: this CPU has no 64-bit mode or no NX bit: use -cpu max or -cpu qemu64\n"
unsuitable_cpu_text_end:

# The protocol's GDT; selectors as above.
.data
.balign 8
boot_gdt:
    .quad 0
    .quad 0x00009b000000ffff        # 16-bit code
    .quad 0x000093000000ffff        # 16-bit data
    .quad 0x00cf9b000000ffff        # 32-bit code
    .quad 0x00cf93000000ffff        # 32-bit data
    .quad 0x00209b0000000000        # 64-bit code
    .quad 0x0000930000000000        # 64-bit data
boot_gdt_end:
boot_gdtr:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt
.globl direct_gdtr
.balign 8
direct_gdtr:                        # the same table at its direct map alias, which outlives the loader
    .word boot_gdt_end - boot_gdt - 1
    .quad boot_gdt + HHDM

.section .bss.boot, "aw", @nobits
.balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4 * 4096
boot_stack: .skip 65536              # more than twice what the `checked` build uses
boot_stack_top:
.text
