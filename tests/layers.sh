#!/bin/sh
# The walls between rooms, as a table: which files alone may include a header.  Prints every
# breach as file:line and ends with 1 when there is one.  `layers.sh FOLDER` checks another tree.
cd "${1:-$(dirname "$0")/..}" || exit 2

# header (a pattern after `#include`)    files that may include it (patterns; tests may always)
rules='
<(fcgiapp|fcgi_stdio|fcgios|fastcgi)\.h> api/server/(worker|fcgi_reply)\.c
<(mongoc|mongoc/.*)\.h>                  common/store[a-z_]*\.[ch]
<hiredis/                                common/(bus|throttle|ticket)\.c|push/sources/feed\.c
<curl/                                   common/mail\.c
<openssl/                                common/(text|keys|token|totp|mime)\.c|push/net/tls\.c
<utf8proc\.h>                            common/unicode\.c
<idn2\.h>                                common/email\.c
<libwebsockets\.h>                       push/net/(server|listen|handshake|intake)\.c
<oath\.h>                                common/totp\.c
<jwt\.h>                                 common/token\.c
<libscrypt\.h>                           common/password\.c
<(json-c/.*|json)\.h>                    common/json\.c|api/(http/doc_read|server/gate)\.c|push/base/(wire|payload)\.c
<(bson|bson/.*)\.h>                      common/(store[a-z_]*|doc|change[a-z_]*|batch[a-z_]*|event_log|event_find|terms|derived|revocation)\.[ch]|api/.*
<ev\.h>                                  push/(main|metrics|clients/(follow_all|lists|presence)|events/fanout|net/session|sources/(feed|reader)|topics/(compare|load|repair))\.c|push/net/intake\.[ch]
"api/                                    api/.*
"push/                                   push/.*
"api/v1/                                 api/v1/.*|api/routes\.c|api/jobs/(invited|purge|registration|reset|status_kind)\.c
"common/(store[a-z_]*|change|event_log)\.h" common/.*|api/.*|push/sources/read[a-z_]*\.[ch]
"common/bus\.h"                          common/.*|api/.*|push/sources/feed\.c
'
breaches=$(echo "$rules" | while read -r header allowed; do
    [ -n "$header" ] || continue
    grep -rnE --include='*.[ch]' "^#include +$header" api push common 2>/dev/null |
        grep -vE "^($allowed):"
done
# Pure, whatever the rows above let their room do: no I/O, no clock.
grep -nE '^#include +("common/(store|bus|change|event_log|clock|password|token)|<(sys/socket|time|pthread)\.h>)' \
    api/http/router.c api/schema/order_*.c api/server/openapi.c push/topics/hub.c 2>/dev/null
grep -rnE --include='*.[ch]' '^#include +"(api|push)/' common 2>/dev/null)

# A header of push declares only what its own .c defines, so that includes.py sees every call.
strangers=$(find push -name '*.h' 2>/dev/null | while read -r header; do
    sed -nE 's/^[a-z].*[ *]([a-z_0-9]+)\(.*/\1/p' "$header" | while read -r name; do
        grep -qE "^$name\(" "${header%.h}.c" 2>/dev/null || echo "$header: declares $name(), which another file defines"
    done
done)

breaches=$(printf '%s\n%s\n' "$breaches" "$strangers" | grep .)
[ -z "$breaches" ] && exit 0
echo "$breaches" | sort -u | sed 's/^/layers: /' >&2
exit 1
