// What bars.events_min may ask for: the pool's events by name, and the alerts of [alerts], as
// "alert_circuit_opened", "alert_circuit_opened_recovered".
#pragma once

#include <string>
#include <string_view>

namespace ordeal::chaos {

[[nodiscard]] bool is_event_name(std::string_view name);
[[nodiscard]] std::string event_names();  // all of them, for an error

}  // namespace ordeal::chaos
