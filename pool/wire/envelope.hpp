// The envelope in both directions: requests out, replies in, and the handshake that comes first.
#pragma once

#include "pool/wire/handshake.hpp"  // IWYU pragma: export
#include "pool/wire/json_text.hpp"  // IWYU pragma: export
#include "pool/wire/reply.hpp"      // IWYU pragma: export
#include "pool/wire/request.hpp"    // IWYU pragma: export
