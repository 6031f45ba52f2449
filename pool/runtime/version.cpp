#include "ordeal/pool/version.hpp"

namespace ordeal::pool {

std::string_view version() noexcept { return ORDEAL_VERSION; }

}  // namespace ordeal::pool
