#!/bin/sh
# The walls between rooms, as a table: which files alone may include a header.  Prints every
# breach as file:line and ends with 1 when there is one.  `layers.sh FOLDER` checks another tree.
cd "${1:-$(dirname "$0")/..}" || exit 2

# header (a pattern after `#include`)    files that may include it (patterns; tests may always)
rules='
<(fcgiapp|fcgi_stdio|fcgios|fastcgi)\.h> api/(worker|answer)\.c
<(mongoc|mongoc/.*)\.h>                  common/store[a-z_]*\.[ch]
<hiredis/                                common/(bus|throttle|ticket)\.c|push/feed\.c
<curl/                                   common/mail\.c
<openssl/                                common/(text|keys|token|totp|mime)\.c|push/tls\.c
<utf8proc\.h>                            common/unicode\.c
<idn2\.h>                                common/email\.c
<libwebsockets\.h>                       push/(server|listen|handshake|intake)\.c
<oath\.h>                                common/totp\.c
<jwt\.h>                                 common/token\.c
<libscrypt\.h>                           common/password\.c
<(json-c/.*|json)\.h>                    common/json\.c|api/(doc_read|gate)\.c|push/(wire|payload)\.c
<(bson|bson/.*)\.h>                      common/(store[a-z_]*|doc|change|event_log|event_find|terms|derived|revocation)\.[ch]|api/.*
<ev\.h>                                  push/(compare|fanout|feed|follow_all|lists|load|main|metrics|presence|reader|repair|session)\.c|push/intake\.[ch]
"api/                                    api/.*
"push/                                   push/.*
"api/v1/                                 api/v1/.*|api/routes\.[ch]|api/jobs/(invited|purge|registration|reset|status_kind)\.c
"common/(store[a-z_]*|change|event_log)\.h" common/.*|api/.*|push/(reader|reads[a-z_]*)\.[ch]
"common/bus\.h"                          common/.*|api/.*|push/feed\.c
'
breaches=$(echo "$rules" | while read -r header allowed; do
    [ -n "$header" ] || continue
    grep -rnE --include='*.[ch]' "^#include +$header" api push common 2>/dev/null |
        grep -vE "^($allowed):"
done
# Pure, whatever the rows above let their room do: no I/O, no clock.
grep -nE '^#include +("common/(store|bus|change|event_log|clock|password|token)|<(sys/socket|time|pthread)\.h>)' \
    api/router.c api/openapi.c push/hub.c 2>/dev/null
grep -rnE --include='*.[ch]' '^#include +"(api|push)/' common 2>/dev/null)
[ -z "$breaches" ] && exit 0
echo "$breaches" | sort -u | sed 's/^/layers: /' >&2
exit 1
