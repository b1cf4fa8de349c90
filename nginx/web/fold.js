/*
 * Folds text for searching: removes case, accents and compatibility forms, exactly as the API does.
 * common/text/unicode.h lists the steps; tests/folding.tsv has results that both must produce.
 */
const ACCENTS = "\\u0300-\\u036f\\u0483-\\u0487\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7\\u0610-\\u061a\\u0640" +
  "\\u064b-\\u065f\\u0670\\u06d6-\\u06dc\\u06df-\\u06e4\\u06e7\\u06e8\\u06ea-\\u06ed\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff" +
  "\\ufe00-\\ufe0f\\ufe20-\\ufe2f\\u{e0100}-\\u{e01ef}";
const DROPPED = new RegExp(`[${ACCENTS}]|(?!\\u200b)\\p{Cf}`, "gu"); /* the zero-width space separates words */
const LETTERS = new Map(Object.entries({
  "æ": "ae", "ð": "d", "ø": "o", "þ": "th", "đ": "d", "ħ": "h", "ı": "i", "ł": "l", "ŋ": "n", "œ": "oe", "ŧ": "t", "\u02bc": "'",
  "\u0649": "\u064a", "\u06a9": "\u0643", "\u06c1": "\u0647", "\u06cc": "\u064a", "\u06d5": "\u0647",
}));
const ZEROS = [0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50,
  0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810];

/* Character by character, because lower case can depend on the neighbours: both forms of sigma must be equal. */
const foldCase = (c) => c.toLowerCase().toUpperCase().toLowerCase();

function plain(c) {
  const point = c.codePointAt(0);
  const zero = ZEROS.find((z) => point >= z && point < z + 10);
  return zero === undefined ? LETTERS.get(c) ?? c : String(point - zero);
}

export function fold(text) {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase();
  const cased = Array.from(text.normalize("NFKD"), foldCase).join("");
  return Array.from(cased.replace(DROPPED, ""), plain).join("").normalize("NFC");
}
