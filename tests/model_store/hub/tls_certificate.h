#pragma once

// TLS for a server of a test.

#include <openssl/ssl.h>

#include <string>

namespace chorus::store {

// A server's context with a new key and a self-signed certificate for 127.0.0.1, which is also put
// into `certificate` as PEM. The caller frees it.
SSL_CTX* MakeTlsContext(std::string& certificate);

// Its private key, as PEM.
std::string PrivateKeyOf(const SSL_CTX* context);

}  // namespace chorus::store
