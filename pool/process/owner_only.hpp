// Files that may hold what callers and workers said are their owner's alone.
#pragma once

namespace ordeal::pool::process {

// Takes the rights of the group, of others and of execution from an open regular file (0600 at
// most), which may have been there before with more. What is no regular file, a terminal or a pipe,
// is left as its owner made it. False, and errno, if that cannot be done: the file is another's.
[[nodiscard]] bool make_owner_only(int descriptor);

}  // namespace ordeal::pool::process
