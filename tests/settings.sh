#!/bin/sh
# Compares deploy/settings.env with the table in common/config.c, as `--help` of each program prints it:
# names, defaults, meanings, and which programs read them.  settings.sh PROGRAM...
cd "$(dirname "$0")/.." || exit 2
[ $# -gt 0 ] || exit 2

# One line per setting: NAME=default # meaning (programs).  For a secret it is the name of its file,
# without a default.
told=$(for program; do
    echo "program ${program##*/taskwire-}"
    "$program" --help || exit 2
done | awk '
    /^program /          { program = $2; name = "" }
    /^  [A-Z]/           { name = / or its _FILE$/ ? $1 "_FILE" : $1
                           if (name in programs) programs[name] = programs[name] ", " program
                           else programs[name] = program }
    /^      default: /   { fallback[name] = substr($0, 16); next }
    /^      /            { meaning[name] = substr($0, 7) }
    END { for (name in programs)
              print name "=" fallback[name] " # " meaning[name] " (" programs[name] ")" }' | sort)

written=$(awk '
    /^# /                { meaning = substr($0, 3) }
    /^#?[A-Z_]+=/        { secret = sub(/^#/, "")
                           if (secret) sub(/=.*/, "=")
                           print $0 " # " meaning }' deploy/settings.env | sort)

echo "$told" | diff - /dev/fd/3 3<<END && exit 0
$written
END
echo "deploy/settings.env (>) differs from the programs' --help (<)" >&2
exit 1
