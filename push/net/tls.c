/*
 * lws speaks TLS; this configures it: our certificate, TLS 1.2 or newer, and little memory.  New
 * files are first loaded into a context of their own, so a half-finished renewal never reaches the
 * listener.
 */
#include "push/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>

#include "common/config.h"
#include "common/log.h"

static struct {
    const char *certificate, *key;
    SSL_CTX *served; /* lws's; NULL before it listens */
} tls;

bool
tls_on(void)
{
    return tls.certificate != NULL;
}

/* Loads the files into a context; false: logged. */
static bool
load(SSL_CTX *into)
{
    char why[256];

    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(into, tls.certificate) == 1 &&
        SSL_CTX_use_PrivateKey_file(into, tls.key, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(into) == 1)
        return true;
    ERR_error_string_n(ERR_peek_error(), why, sizeof(why));
    log_error("tls: PUSH_TLS_CERT and PUSH_TLS_KEY cannot be used: %s", why);
    ERR_clear_error();
    return false;
}

/* Do certificate and key match, and is the key of the type in use?  OpenSSL keeps one per type. */
static bool
good(void)
{
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    bool ok = trial != NULL && load(trial);

    if (ok && tls.served != NULL &&
        EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(trial)) !=
            EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(tls.served))) {
        log_error("tls: the new key has another type, which needs a restart");
        ok = false;
    }
    SSL_CTX_free(trial);
    return ok;
}

bool
tls_open(const struct config *config)
{
    bool certificate = *config->push_tls_cert != '\0', key = *config->push_tls_key != '\0';

    if (!certificate && !key)
        return true;
    if (certificate != key || *config->push_listen == '\0') {
        log_error("tls: PUSH_TLS_CERT and PUSH_TLS_KEY must be set together, and with PUSH_LISTEN");
        return false;
    }
    tls.certificate = config->push_tls_cert;
    tls.key = config->push_tls_key;
    return good();
}

bool
tls_use(void *context)
{
    tls.served = context;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets take no memory here */
    return load(context);
}

void
tls_reload(void)
{
    if (tls_on() && good() && load(tls.served))
        log_info("tls: the certificate was reloaded");
}
