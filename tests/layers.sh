#!/bin/sh
# The walls between rooms, as a table: which files alone may include a header.  Prints every
# breach as file:line and ends with 1 when there is one.  `layers.sh FOLDER` checks another tree.
cd "${1:-$(dirname "$0")/..}" || exit 2

# header (a pattern after `#include`)    files that may include it (patterns; tests may always)
rules='
<(fcgiapp|fcgi_stdio|fcgios|fastcgi)\.h> api/server/(worker|fcgi_reply)\.c
<(mongoc|mongoc/.*)\.h>                  common/(store|admin)/.*
<hiredis/                                common/(redis/(bus|throttle)|topics/ticket)\.c|push/sources/feed\.c
<curl/                                   common/mail/mail\.c
<openssl/                                common/(text/text|secrets/(keys|token|totp)|mail/mime)\.c|push/net/tls\.c
<utf8proc\.h>                            common/text/unicode\.c
<idn2\.h>                                common/text/email\.c
<libwebsockets\.h>                       push/net/(server|listen|handshake|intake)\.c
<oath\.h>                                common/secrets/totp\.c
<jwt\.h>                                 common/secrets/token\.c
<libical/                                 common/time/rrule\.c
<libscrypt\.h>                           common/secrets/password\.c
<(json-c/.*|json)\.h>                    common/text/json\.c|api/(http/doc_read|server/gate|batch/(batch|bulk|operation))\.c|push/base/(wire|payload)\.c
<(bson|bson/.*)\.h>                      common/(text/(doc|terms)\.[ch]|(store|change|admin)/.*)|api/.*
<ev\.h>                                  push/(main|metrics|clients/(follow_all|lists|presence)|events/fanout|net/session|sources/(feed|reader)|topics/(compare|load|repair))\.c|push/net/intake\.[ch]
"api/                                    api/.*
"push/                                   push/.*
"api/v1/                                 api/v1/.*|api/routes\.c|api/jobs/(duplicate|invited|purge|registration|remind|remind_due|reset|status_kind|user_job|watchers)\.c|api/jobs/remind_due\.h
"common/(store/.*|change/(change|event_log))\.h" common/.*|api/.*|push/sources/read[a-z_]*\.[ch]
"common/redis/bus\.h"                    common/.*|api/.*|push/sources/feed\.c
'
breaches=$(echo "$rules" | while read -r header allowed; do
    [ -n "$header" ] || continue
    grep -rnE --include='*.[ch]' "^#include +$header" api push common 2>/dev/null |
        grep -vE "^($allowed):"
done
# Pure, whatever the rows above let their room do: no I/O, no clock.
grep -nE '^#include +("common/(store/store|redis/bus|change/change|change/event_log|time/clock|secrets/password|secrets/token)\.h"|<(sys/socket|time|pthread)\.h>)' \
    api/http/router.c api/schema/order_*.c api/server/openapi.c push/topics/hub.c 2>/dev/null
grep -rnE --include='*.[ch]' '^#include +"(api|push)/' common 2>/dev/null)

# A header of push declares only what its own .c defines, so that includes.py sees every call.
misplaced=$(find push -name '*.h' 2>/dev/null | while read -r header; do
    sed -nE 's/^[a-z].*[ *]([a-z_0-9]+)\(.*/\1/p' "$header" | while read -r name; do
        grep -qE "^$name\(" "${header%.h}.c" 2>/dev/null || echo "$header: declares $name(), which another file defines"
    done
done)

breaches=$(printf '%s\n%s\n' "$breaches" "$misplaced" | grep .)
# Folders of common, and the folders and files of common that each may include besides itself.
common_folders='
base
text        base
time        base text
log         base text time
config      base text log settings
topics      base text time log
redis       base text time log config topics
secrets     base text time log config
store       base text time log config
mail        base text time log config
change      base text time log config topics redis secrets store
admin       base text time log config topics redis secrets store change
'
walls=$({
    echo "$common_folders" | sed 's/^/may /'
    grep -rnE --include='*.[ch]' '^#include +"common/' common 2>/dev/null |
        sed -E 's|^common/([a-z]+)([^:]*):([0-9]+):#include +"common/([a-z]+).*|include \1 \4 common/\1\2:\3|'
} | awk '
    $1 == "may" { for (i = 2; i <= NF; i++) may[$2 " " $i] = 1 }
    $1 == "include" && !(($2 " " $3) in may) { print $4 ": includes a file of common/" $3 }')
breaches=$(printf '%s\n%s\n' "$walls" "$breaches" | grep .)
[ -z "$breaches" ] && exit 0
echo "$breaches" | sort -u | sed 's/^/layers: /' >&2
exit 1
