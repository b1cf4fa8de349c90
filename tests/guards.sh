#!/bin/sh
# Each guard of the tree must find what it is there for: plants one violation after another in a small
# tree and ends with 1 when a guard passes it.
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
missed=0
a=api c=common # so that no line here names a file of this tree

# guard GUARD EXPECTED: what it says of the tree; `passes`, or a word of its complaint.
guard() {
    case $1 in *.py) run=python3 ;; *) run=sh ;; esac
    said=$($run "$here/$1" "$tree" 2>&1)
    status=$?
    case $2 in
        passes) [ $status -eq 0 ] ;;
        *) [ $status -eq 1 ] && echo "$said" | grep -q -- "$2" ;;
    esac || {
        echo "guards: $1 should say '$2', and says: $said" >&2
        missed=1
    }
}

mkdir -p "$tree/$a/http" "$tree/$a/access" "$tree/$a/jobs" "$tree/$c" "$tree/push"
cat >"$tree/$a/http/a.c" <<END
#include "$a/http/a.h"

/* Five, and a comma, in a comment, is none; nor one of a (function, pointer). */
int
five(int a, int b, int c /* not, these */, int d, int (*e)(int, int))
{
    return a + b + c + d + e(1, 2);
}
END
: >"$tree/$a/http/a.h"
echo "#include \"$a/http/a.h\"" >"$tree/$a/access/b.h"
for name in layers.sh includes.py functions.py; do guard $name passes; done

printf 'int\nsix(int a, int b, int c, int d, int e, int f)\n{\n    return 0;\n}\n' >"$tree/$c/six.c"
guard functions.py "$c/six.c:2: six() has 6 parameters"
rm "$tree/$c/six.c"

{ printf 'int\nlong_one(void)\n{\n'; yes '    work();' | head -59; printf '}\n'; } >"$tree/push/long.c"
guard functions.py 'long_one() has 61 lines'
rm "$tree/push/long.c"

echo "#include \"$a/access/b.h\"" >"$tree/$a/http/up.h"
guard includes.py "$a/http/up includes $a/access/b"
rm "$tree/$a/http/up.h"

echo "#include \"$a/jobs/y.h\"" >"$tree/$a/jobs/x.c"
echo "#include \"$a/jobs/x.h\"" >"$tree/$a/jobs/y.h"
guard includes.py "a circle: $a/jobs/x"
rm "$tree/$a/jobs/x.c" "$tree/$a/jobs/y.h"

echo "#include \"$a/http/a.h\"" >"$tree/$c/c.c"
guard layers.sh "$c/c.c:1"
rm "$tree/$c/c.c"
exit $missed
