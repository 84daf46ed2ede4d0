# What C cannot say: enter the kernel, look at the stack on entry (spy), and at the registers a callee must keep (guarded). See harness.c.
    .intel_syntax noprefix
    .text

    .set SEEN_SP, 64            # offsets in struct seen
    .set STACK, 80
    .set SEEN, 80 + 128 * 8

    .globl _start
_start:
    mov   eax, esp
    and   esp, -16
    sub   esp, 12
    push  eax
    call  start

    .globl kernel               # long kernel(number, six arguments)
kernel:
    push  ebp
    push  ebx
    push  esi
    push  edi
    mov   eax, [esp + 20]
    mov   ebx, [esp + 24]
    mov   ecx, [esp + 28]
    mov   edx, [esp + 32]
    mov   esi, [esp + 36]
    mov   edi, [esp + 40]
    mov   ebp, [esp + 44]
    int   0x80
    pop   edi
    pop   esi
    pop   ebx
    pop   ebp
    ret

    .globl restore              # rt_sigreturn
restore:
    mov   eax, 173
    int   0x80

    .globl spy
spy:
    imul  eax, dword ptr [seen_count], SEEN
    inc   dword ptr [seen_count]
    add   eax, offset seen
    mov   [eax + SEEN_SP], esp
    mov   dword ptr [eax + SEEN_SP + 4], 0
    xor   ecx, ecx
1:  mov   edx, [esp + 4 + ecx * 4]
    mov   [eax + STACK + ecx * 8], edx
    mov   dword ptr [eax + STACK + 4 + ecx * 8], 0
    inc   ecx
    cmp   ecx, 108
    jne   1b
    # A callee may use its arguments, and every register that is not the caller's.
    mov   ecx, [spy_owns]
2:  jecxz 3f
    dec   ecx
    mov   dword ptr [esp + 4 + ecx * 4], -1
    jmp   2b
3:  mov   ecx, -2
    mov   edx, -3
    mov   eax, 0x9abcdef0
    ret

    .globl guarded              # the lower halves of six words are passed
guarded:
    push  ebp
    push  ebx
    push  esi
    push  edi
    mov   eax, [esp + 20]
    mov   ecx, [esp + 24]
    sub   esp, 4
    push  [ecx + 40]
    push  [ecx + 32]
    push  [ecx + 24]
    push  [ecx + 16]
    push  [ecx + 8]
    push  [ecx]
    mov   ebx, 0x1001
    mov   ebp, 0x1002
    mov   esi, 0x1003
    mov   edi, 0x1004
    mov   [saved_sp], esp
    call  eax
    xor   ecx, ecx
    .macro keep bit, what, value
    cmp   \what, \value
    je    1f
    or    ecx, 1 << \bit
1:
    .endm
    keep  0, ebx, 0x1001
    keep  1, ebp, 0x1002
    keep  2, esi, 0x1003
    keep  3, edi, 0x1004
    keep  4, esp, [saved_sp]
    mov   [broken], ecx
    mov   esp, [saved_sp]
    add   esp, 28
    pop   edi
    pop   esi
    pop   ebx
    pop   ebp
    xor   edx, edx
    ret

    .lcomm saved_sp, 4
    .section .note.GNU-stack, "", @progbits
