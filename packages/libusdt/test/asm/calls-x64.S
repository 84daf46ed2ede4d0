# What C cannot say: enter the kernel, look at every register on entry (spy), and at those a callee must keep (guarded). See harness.c.
    .intel_syntax noprefix
    .text

    .set STACK, 80              # offsets in struct seen
    .set SEEN, 80 + 128 * 8

    .globl _start
_start:
    mov   rdi, rsp
    and   rsp, -16
    call  start

    .globl kernel               # long kernel(number, six arguments)
kernel:
    mov   rax, rdi
    mov   rdi, rsi
    mov   rsi, rdx
    mov   rdx, rcx
    mov   r10, r8
    mov   r8, r9
    mov   r9, [rsp + 8]
    syscall
    ret

    .globl restore              # rt_sigreturn
restore:
    mov   eax, 15
    syscall

    .globl spy
spy:
    mov   r10, rax
    imul  r11, [rip + seen_count], SEEN
    inc   qword ptr [rip + seen_count]
    lea   rax, [rip + seen]
    add   r11, rax
    mov   [r11 + 0], rdi
    mov   [r11 + 8], rsi
    mov   [r11 + 16], rdx
    mov   [r11 + 24], rcx
    mov   [r11 + 32], r8
    mov   [r11 + 40], r9
    mov   [r11 + 64], rsp
    mov   [r11 + 72], r10
    xor   ecx, ecx
1:  mov   rax, [rsp + 8 + rcx * 8]
    mov   [r11 + STACK + rcx * 8], rax
    inc   rcx
    cmp   rcx, 108
    jne   1b
    # A callee may use its stack arguments, and every register that is not the caller's.
    mov   rcx, [rip + spy_owns]
2:  jrcxz 3f
    dec   rcx
    mov   qword ptr [rsp + 8 + rcx * 8], -1
    jmp   2b
3:  mov   rcx, -2
    mov   rdx, -3
    mov   rsi, -4
    mov   rdi, -5
    mov   r8, -6
    mov   r9, -7
    mov   r10, -8
    mov   r11, -9
    movabs rax, 0x123456789abcdef0
    ret

    .globl guarded
guarded:
    push  rbp
    push  rbx
    push  r12
    push  r13
    push  r14
    push  r15
    sub   rsp, 8
    mov   r11, rdi
    mov   r10, rsi
    mov   rdi, [r10 + 0]
    mov   rsi, [r10 + 8]
    mov   rdx, [r10 + 16]
    mov   rcx, [r10 + 24]
    mov   r8, [r10 + 32]
    mov   r9, [r10 + 40]
    mov   rbx, 0x1001
    mov   rbp, 0x1002
    mov   r12, 0x1003
    mov   r13, 0x1004
    mov   r14, 0x1005
    mov   r15, 0x1006
    mov   [rip + saved_sp], rsp
    mov   rax, -1               # as if vector registers had been passed: callees of the code must not see it
    call  r11
    xor   ecx, ecx
    .macro keep bit, what, value
    cmp   \what, \value
    je    1f
    or    ecx, 1 << \bit
1:
    .endm
    keep  0, rbx, 0x1001
    keep  1, rbp, 0x1002
    keep  2, r12, 0x1003
    keep  3, r13, 0x1004
    keep  4, r14, 0x1005
    keep  5, r15, 0x1006
    keep  6, rsp, [rip + saved_sp]
    mov   [rip + broken], rcx
    mov   rsp, [rip + saved_sp]
    add   rsp, 8
    pop   r15
    pop   r14
    pop   r13
    pop   r12
    pop   rbx
    pop   rbp
    ret

    .lcomm saved_sp, 8
    .section .note.GNU-stack, "", @progbits
