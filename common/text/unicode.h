/*
 * Unicode properties of texts: folded and normal forms, and whether a text has visible characters.
 * The only user of utf8proc.  Texts are well-formed UTF-8; results are malloc'ed, the caller frees
 * them, and they are never NULL.
 *
 * utf8proc (350 KiB) is used instead of ICU (30 MiB with its data) because only normal forms, case
 * folding and categories are needed.  ICU's word segmentation would not help: it uses a dictionary
 * and depends on the text around a word, so a query would be cut differently from the text that
 * contains it. search.c indexes pairs of characters instead, which misses nothing.
 */
#ifndef COMMON_TEXT_UNICODE_H
#define COMMON_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text for comparison: compatibility forms, case and accents folded, so that
 * "Démo", "DEMO" and "ｄｅｍｏ" are equal.  The steps, which the web client takes
 * too (tests/folding.tsv has the expected results of both):
 * 1. NFKD and full case folding;
 * 2. without the accents of Latin, Greek, Cyrillic, Hebrew and Arabic, the tatweel
 *    (U+0640), variation selectors and format characters but for the zero-width
 *    space, which is between words; marks of other scripts make another letter and stay;
 * 3. letters with a stroke and the like as CLDR's Latin-ASCII transform writes
 *    them: æ ae, ð d, ø o, þ th, đ d, ħ h, ı i, ł l, ŋ n, œ oe, ŧ t; letters that
 *    keyboards for Persian and Urdu have instead of Arabic's: ک ك, ی and ى ي, ہ and ە ه;
 *    decimal digits of other scripts as ASCII; the apostrophe letter U+02BC as ';
 * 4. NFC.
 */
char *unicode_fold(const char *text);

/* NFKC: the same text for all spellings that look and mean the same. */
char *unicode_nfkc(const char *text);

/*
 * NFKC, without format characters (direction marks, zero-width spaces) except joiners, with hyphens
 * as "-", and without white space at the ends: for what is typed or pasted into a field for an
 * address or a number.
 */
char *unicode_typed(const char *text);

/*
 * Does it have a visible character: a letter, digit or sign, not only spaces, controls and marks?
 */
bool unicode_visible(const char *text, size_t len);

/* The next code point of a text, and how many bytes it has; 0 at the end. */
int unicode_next(const char *text, int32_t *point);

/* The value of a decimal digit of any script in use; -1: it is not one. */
int unicode_digit(int32_t point);

/* The class of a character, for search. */
enum unicode_class {
    UNICODE_OTHER,    /* spaces, punctuation, controls: between words */
    UNICODE_WORD,     /* letters, digits and marks of scripts that put spaces between words */
    UNICODE_UNSPACED, /* Han, kana, Hangul, Thai, Lao, Khmer and the like: pairs are indexed */
    UNICODE_SYMBOL,   /* emoji, currency, arrows: each indexed by itself */
};
enum unicode_class unicode_class(int32_t point);

#endif
