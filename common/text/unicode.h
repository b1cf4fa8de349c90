/*
 * What Unicode says of a text: its folded and normal forms, and whether there is
 * anything to see.  The one home of utf8proc.  Texts are well-formed UTF-8;
 * results are malloc'ed, the caller's to free, and never NULL.
 *
 * utf8proc (350 KiB) instead of ICU (30 MiB with its data): all that is needed
 * is normal forms, case folding and categories.  ICU's word segmentation would
 * not help: it cuts a text by a dictionary, depending on what stands around a
 * word, so a query is not cut like the text that has it; search.c takes pairs
 * of characters instead, which misses nothing.
 */
#ifndef COMMON_TEXT_UNICODE_H
#define COMMON_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text for comparison: compatibility forms, case and accents folded, so that
 * "Démo", "DEMO" and "ｄｅｍｏ" are one.  The steps, which the web client takes
 * too (tests/folding.tsv has what both must give):
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

/* NFKC: one text for all spellings that look and mean the same. */
char *unicode_nfkc(const char *text);

/*
 * NFKC, without format characters (direction marks, zero-width spaces) but for
 * the joiners, hyphens as "-", and without white space around: what is typed or
 * pasted into a field for an address or a number.
 */
char *unicode_typed(const char *text);

/* Has it a character that shows: a letter, digit or sign, not only spaces, controls and marks? */
bool unicode_visible(const char *text, size_t len);

/* The next code point of a text and the bytes it takes; 0 at the end. */
int unicode_next(const char *text, int32_t *point);

/* The value of a decimal digit of any script in use; -1: it is none. */
int unicode_digit(int32_t point);

/* What a character is, for search. */
enum unicode_class {
    UNICODE_OTHER,    /* spaces, punctuation, controls: between words */
    UNICODE_WORD,     /* letters, digits and marks of scripts that put spaces between words */
    UNICODE_UNSPACED, /* of Han, kana, Hangul, Thai, Lao, Khmer and the like: pairs are indexed */
    UNICODE_SYMBOL,   /* emoji, currency, arrows: each for itself */
};
enum unicode_class unicode_class(int32_t point);

#endif
