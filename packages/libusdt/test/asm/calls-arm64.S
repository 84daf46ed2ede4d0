// What C cannot say: enter the kernel, look at every register on entry (spy), and at those a callee must keep (guarded). See harness.c.
    .text

    .set STACK, 80              // offsets in struct seen
    .set SEEN, 80 + 128 * 8

    .macro address register, symbol
    adrp  \register, \symbol
    add   \register, \register, :lo12:\symbol
    .endm

    .globl _start
_start:
    mov   x0, sp
    bl    start

    .globl kernel               // long kernel(number, six arguments)
kernel:
    mov   x8, x0
    mov   x0, x1
    mov   x1, x2
    mov   x2, x3
    mov   x3, x4
    mov   x4, x5
    mov   x5, x6
    svc   0
    ret

    .globl restore              // rt_sigreturn
restore:
    mov   x8, 139
    svc   0

    .globl spy
spy:
    address x9, seen_count
    ldr   x10, [x9]
    add   x11, x10, 1
    str   x11, [x9]
    mov   x11, SEEN
    address x9, seen
    madd  x9, x10, x11, x9
    stp   x0, x1, [x9, 0]
    stp   x2, x3, [x9, 16]
    stp   x4, x5, [x9, 32]
    stp   x6, x7, [x9, 48]
    mov   x10, sp
    str   x10, [x9, 64]
    add   x9, x9, STACK
    mov   x11, 0
1:  ldr   x12, [x10, x11, lsl 3]
    str   x12, [x9, x11, lsl 3]
    add   x11, x11, 1
    cmp   x11, 108
    b.ne  1b
    // A callee may use its stack arguments, and every register that is not the caller's.
    address x11, spy_owns
    ldr   x11, [x11]
    mov   x12, -1
2:  cbz   x11, 3f
    sub   x11, x11, 1
    str   x12, [x10, x11, lsl 3]
    b     2b
3:
    .irp  number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
    mov   x\number, -\number
    .endr
    ldr   x0, =0x123456789abcdef0
    ret

    .globl guarded
guarded:
    stp   x29, x30, [sp, -96]!
    stp   x19, x20, [sp, 16]
    stp   x21, x22, [sp, 32]
    stp   x23, x24, [sp, 48]
    stp   x25, x26, [sp, 64]
    stp   x27, x28, [sp, 80]
    mov   x17, x0
    mov   x9, x1
    ldp   x0, x1, [x9, 0]
    ldp   x2, x3, [x9, 16]
    ldp   x4, x5, [x9, 32]
    ldp   x6, x7, [x9, 48]
    .irp  number, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    mov   x\number, 0x1000 + \number
    .endr
    address x9, saved_sp
    mov   x10, sp
    str   x10, [x9]
    blr   x17
    mov   x11, 0
    .irp  number, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    mov   x12, 0x1000 + \number
    cmp   x12, x\number
    b.eq  1f
    orr   x11, x11, 1 << \number
1:
    .endr
    address x9, saved_sp
    ldr   x10, [x9]
    mov   x12, sp
    cmp   x10, x12
    b.eq  1f
    orr   x11, x11, 1
1:  mov   sp, x10
    address x9, broken
    str   x11, [x9]
    ldp   x19, x20, [sp, 16]
    ldp   x21, x22, [sp, 32]
    ldp   x23, x24, [sp, 48]
    ldp   x25, x26, [sp, 64]
    ldp   x27, x28, [sp, 80]
    ldp   x29, x30, [sp], 96
    ret

    .lcomm saved_sp, 8
    .section .note.GNU-stack, "", @progbits
