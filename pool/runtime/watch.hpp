// What an epoll registration of the housekeeper stands for, packed into its 64-bit key.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "pool/core/ids.hpp"

namespace ordeal::pool::runtime {

enum class WatchKind : std::uint8_t {
  kick,
  warden,
  process,
  standard_error,
  progress,
  reply,
  reply_timer,
  request,
  template_process,  // this and all below: of the template
  template_socket,
  template_reply,
  template_stderr,
  spare,
};

// The worker is held by its serial, never by address: an event of a worker that an earlier event of
// the same batch has ended must find nothing.
struct Watch {
  WatchKind kind = WatchKind::kick;
  core::WorkerId worker;

  [[nodiscard]] std::uint64_t key() const {
    return static_cast<std::uint64_t>(kind) << 56 | worker.serial;
  }
  [[nodiscard]] static Watch from_key(std::uint64_t key) {
    constexpr std::uint64_t serial_mask = (1ULL << 56) - 1;
    return {static_cast<WatchKind>(key >> 56), {.index = 0, .serial = key & serial_mask}};
  }
  [[nodiscard]] bool is_of_template() const { return kind >= WatchKind::template_process; }
  [[nodiscard]] bool is_for(core::WorkerId id) const { return worker == id; }
};

inline void watch(int epoll, int descriptor, std::uint32_t events, const Watch& what) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = what.key();
  epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace ordeal::pool::runtime
