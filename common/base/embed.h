/*
 * A file of the tree as a string in the program, so that programs need no data
 * files beside them.  EMBED_DIR is the source folder (CMake sets it), and CMake
 * must name the file in OBJECT_DEPENDS, else a change of it builds nothing.
 */
#ifndef COMMON_BASE_EMBED_H
#define COMMON_BASE_EMBED_H

#define EMBED(name, path)                                                                          \
    __asm__(".pushsection .rodata\n.hidden " #name "\n.global " #name "\n" #name                   \
            ":\n.incbin \"" EMBED_DIR "/" path "\"\n.byte 0\n.popsection\n");                      \
    extern const char name[]

#endif
