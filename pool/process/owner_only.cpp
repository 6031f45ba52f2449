#include "pool/process/owner_only.hpp"

#include <sys/stat.h>

namespace ordeal::pool::process {

bool make_owner_only(int descriptor) {
  constexpr mode_t not_the_owners = 0177;
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return false;
  return !S_ISREG(status.st_mode) || (status.st_mode & not_the_owners) == 0 ||
         ::fchmod(descriptor, 0600) == 0;
}

}  // namespace ordeal::pool::process
