/*
 * Ids of entities: MongoDB's ObjectIds, which clients see as hexadecimal digits.
 */
#ifndef COMMON_BASE_ID_H
#define COMMON_BASE_ID_H

#define ID_BYTES 12 /* as stored */
#define ID_TEXT  25 /* as 24 lower-case hexadecimal digits and a NUL */

#endif
