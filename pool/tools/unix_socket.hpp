// The status socket: where it is, how it is made, how it is reached. Owner only.
//
// A path that the user gives is used as it is. Without one: ordeal-pool-PID.sock in
// $XDG_RUNTIME_DIR, or in /tmp/ordeal-UID if that is not set; the folder must be this user's and
// closed to all others (made so if it is not there).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::tools {

[[nodiscard]] std::string default_socket_path(pid_t pid);
// The sockets in the default folder, of live and of dead runs, sorted.
[[nodiscard]] std::vector<std::string> default_sockets();

// A listening socket, its file mode 0600, unlinked when destroyed (if it is still the same file).
class ListeningSocket {
 public:
  ListeningSocket() = default;
  ListeningSocket(ListeningSocket&&) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) noexcept;
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket() { close(); }
  // REQUIRES: no other thread yet, since the umask is changed for a moment.
  // A file of a run that is gone is replaced; a live one, and what is no socket, is an error.
  // Errors: invalid_option, beginning with the path.
  [[nodiscard]] static Result<ListeningSocket> open(const std::string& path);
  // As open(), for the default path; makes and checks its folder, and takes away what runs that
  // were killed have left there.
  [[nodiscard]] static Result<ListeningSocket> open_default();
  void close();
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  process::FileDescriptor socket_;
  std::string path_;
  dev_t device_{};
  ino_t inode_{};
};

enum class Connected {
  yes,
  nobody_listens,
  failed
};

struct Connection {
  Connected connected = Connected::failed;
  process::FileDescriptor socket;  // not blocking
  std::string reason;
};
// Refuses a server of another user (unless that is root).
[[nodiscard]] Connection connect_to(const std::string& path);

// Whether the other end belongs to this user, or to root.
[[nodiscard]] bool peer_is_trusted(int socket);

}  // namespace ordeal::pool::tools
