// What the faults that go through a relay have in common.
#pragma once

#include "chaos/faults/fault.hpp"
#include "chaos/relay/control.hpp"

namespace ordeal::chaos {

[[nodiscard]] Permit permit_relay(const Site& site);
// The record: which relay; the memo: what it had counted before.
Attempt<void> plan_relay(Strike& strike, Site& site);
// The relay in front of the target; null if it is gone.
[[nodiscard]] std::shared_ptr<RelayControl> relay_of(const Strike& strike);
[[nodiscard]] std::shared_ptr<RelayControl> relay_of(const json& record);

// The worker gets a request of our own before the caller's next one; the zoo of `--faults`.
Attempt<void> ask_worker(const Strike& strike, const std::string& command,
                         const std::string& arguments);

std::optional<std::string> prove_touched(Strike& strike, Site& site);
std::optional<std::string> prove_unread(Strike& strike, Site& site);
Attempt<std::string> undo_relay(const json& record, std::shared_ptr<void>& resource);
bool relay_undone(const json& record);

}  // namespace ordeal::chaos
