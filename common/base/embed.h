/*
 * A source file as a string in the program, so that programs need no data files.  EMBED_DIR is the
 * source folder (CMake sets it), and CMake must name the file in OBJECT_DEPENDS, otherwise a change
 * of the file does not rebuild the program.
 */
#ifndef COMMON_BASE_EMBED_H
#define COMMON_BASE_EMBED_H

#define EMBED(name, path)                                                                          \
    __asm__(".pushsection .rodata\n.hidden " #name "\n.global " #name "\n" #name                   \
            ":\n.incbin \"" EMBED_DIR "/" path "\"\n.byte 0\n.popsection\n");                      \
    extern const char name[]

#endif
