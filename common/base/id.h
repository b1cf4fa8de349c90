/*
 * Ids of entities: MongoDB's ObjectIds, which clients see as hexadecimal digits.
 */
#ifndef COMMON_BASE_ID_H
#define COMMON_BASE_ID_H

#define ID_BYTES  12              /* as stored */
#define ID_DIGITS 24              /* lower-case hexadecimal, as clients see it */
#define ID_TEXT   (ID_DIGITS + 1) /* bytes of such a text: the digits and a NUL */

#endif
