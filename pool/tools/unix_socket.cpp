#include "pool/tools/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace ordeal::pool::tools {
namespace {

namespace fs = std::filesystem;
constexpr int backlog = 16;
constexpr std::string_view name_begin = "ordeal-pool-";
constexpr std::string_view name_end = ".sock";

std::string error_text(int error) { return std::generic_category().message(error); }

tl::unexpected<Error> refuse(const std::string& path, const std::string& reason) {
  return tl::unexpected(
      make_error(ErrorCode::invalid_option, fmt::format("socket {}: {}", path, reason)));
}

std::string own_folder() { return fmt::format("/tmp/ordeal-{}", ::geteuid()); }

std::string default_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  return runtime != nullptr && *runtime == '/' ? runtime : own_folder();
}

bool to_address(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

// Another user must not be able to put a socket of theirs in our place.
Result<void> make_private_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return refuse(folder, error_text(errno));
  }
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0) return refuse(folder, error_text(errno));
  if (!S_ISDIR(status.st_mode)) return refuse(folder, "is not a folder");
  if (status.st_uid != ::geteuid()) return refuse(folder, "belongs to another user");
  if ((status.st_mode & 0077) != 0) {
    return refuse(folder, fmt::format("is open to others (mode {:04o}, wanted 0700)",
                                      status.st_mode & 07777));
  }
  return {};
}

// From "ordeal-pool-812.sock"; 0 if it is not such a name.
pid_t pid_of(std::string_view name) {
  if (!name.starts_with(name_begin) || !name.ends_with(name_end)) return 0;
  name.remove_prefix(name_begin.size());
  name.remove_suffix(std::min(name.size(), name_end.size()));
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc{} && end == name.data() + name.size() ? pid : 0;
}

// What runs left that were killed. A run that is just starting has a process, though it may not
// listen yet.
void clear_left_behind() {
  for (const std::string& path : default_sockets()) {
    const pid_t pid = pid_of(fs::path{path}.filename().string());
    const bool gone = ::kill(pid, 0) != 0 && errno == ESRCH;
    if (gone && connect_to(path).connected == Connected::nobody_listens) ::unlink(path.c_str());
  }
}

// 0, or the errno. The file is never open to others, not even for a moment.
int bind_owner_only(int descriptor, const sockaddr_un& address) {
  const mode_t before = ::umask(0177);
  const int done = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = done == 0 ? 0 : errno;
  ::umask(before);
  return error;
}

// Takes away the socket file of a run that is gone.
Result<void> clear_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return refuse(path, "exists and is not a socket");
  const Connection probe = connect_to(path);
  if (probe.connected == Connected::yes) return refuse(path, "another run is listening there");
  if (probe.connected == Connected::failed) return refuse(path, probe.reason);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return refuse(path, error_text(errno));
  return {};
}

}  // namespace

std::string default_socket_path(pid_t pid) {
  return fmt::format("{}/{}{}{}", default_folder(), name_begin, pid, name_end);
}

std::vector<std::string> default_sockets() {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry{default_folder(), error};
       !error && entry != fs::directory_iterator{}; entry.increment(error)) {
    if (pid_of(entry->path().filename().string()) > 0) found.push_back(entry->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept { *this = std::move(other); }

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  if (this != &other) {
    close();
    socket_ = std::move(other.socket_);
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

Result<ListeningSocket> ListeningSocket::open(const std::string& path) {
  sockaddr_un address;
  if (!to_address(path, address)) {
    return refuse(path, fmt::format("the path has {} bytes, allowed 1 to {}", path.size(),
                                    sizeof address.sun_path - 1));
  }
  if (auto cleared = clear_stale(path); !cleared) return tl::unexpected(cleared.error());
  ListeningSocket made;
  made.socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.socket_) return refuse(path, error_text(errno));
  if (const int error = bind_owner_only(made.descriptor(), address); error != 0) {
    return refuse(path, error_text(error));
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return refuse(path, error_text(errno));
  made.path_ = path;
  made.device_ = status.st_dev;
  made.inode_ = status.st_ino;
  if (::listen(made.descriptor(), backlog) != 0) return refuse(path, error_text(errno));
  return made;
}

Result<ListeningSocket> ListeningSocket::open_default() {
  if (auto made = make_private_folder(default_folder()); !made) {
    return tl::unexpected(made.error());
  }
  clear_left_behind();
  return open(default_socket_path(::getpid()));
}

void ListeningSocket::close() {
  socket_.reset();
  if (path_.empty()) return;
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  path_.clear();
}

Connection connect_to(const std::string& path) {
  Connection made;
  sockaddr_un address;
  if (!to_address(path, address)) {
    made.reason = fmt::format("the path has {} bytes", path.size());
    return made;
  }
  made.socket.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int done = made.socket
                       ? ::connect(made.socket.get(), reinterpret_cast<const sockaddr*>(&address),
                                   sizeof address)
                       : -1;
  if (done != 0) {
    made.reason = error_text(errno);
    // EAGAIN: somebody listens, and has more clients waiting than there is room for.
    if (errno == ECONNREFUSED || errno == ENOENT) made.connected = Connected::nobody_listens;
    return made;
  }
  if (!peer_is_trusted(made.socket.get())) {
    made.reason = "it belongs to another user";
    return made;
  }
  made.connected = Connected::yes;
  return made;
}

bool peer_is_trusted(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace ordeal::pool::tools
