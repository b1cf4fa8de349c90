#!/bin/sh
# Compares deploy/settings.env with the table in common/settings.def, as `--help` of each program shows
# it: the same names, defaults and meanings, and who reads them.
#
#     tests/settings.sh PROGRAM...            ends with 1 if they differ
#     tests/settings.sh --write PROGRAM...    brings deploy/settings.env up to date
cd "$(dirname "$0")/.." || exit 2
write=
[ "$1" = --write ] && write=1 && shift
[ $# -gt 0 ] || exit 2
programs=$(printf '%s\n' "$@" | sort) # so that the result does not depend on their order

# One line per setting: NAME=default # meaning (programs).  For a secret it is the name of its file,
# without a default.
shown=$(for program in $programs; do
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

if [ -n "$write" ]; then
    # The head of the file and the paths of secrets stay as they are.
    echo "$shown" | awk '
        FNR == NR && /^#?[A-Z_]+=/    { if (/^#/) kept[substr($0, 2, index($0, "=") - 2)] = $0; started = 1 }
        FNR == NR && !started && !/^$/ && !gap { head = head $0 "\n" }
        FNR == NR && /^$/             { gap = 1 }
        FNR == NR                     { next }
        FNR == 1                      { printf "%s", head }
        { name = substr($0, 1, index($0, "=") - 1); at = index($0, " # ")
          value = name in kept ? kept[name] : name ~ /_FILE$/ ? "#" substr($0, 1, at - 1) : substr($0, 1, at - 1)
          printf "\n# %s\n%s\n", substr($0, at + 3), value }' deploy/settings.env - >deploy/settings.env.new &&
        mv deploy/settings.env.new deploy/settings.env
    exit
fi

written=$(awk '
    /^# /                { meaning = substr($0, 3) }
    /^#?[A-Z_]+=/        { secret = sub(/^#/, "")
                           if (secret) sub(/=.*/, "=")
                           print $0 " # " meaning }' deploy/settings.env | sort)

echo "$shown" | diff - /dev/fd/3 3<<END && exit 0
$written
END
echo "deploy/settings.env (>) differs from the programs' --help (<)" >&2
exit 1
