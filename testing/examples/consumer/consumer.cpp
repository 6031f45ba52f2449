// A project of its own: the pool's public face, the contract, and the contract on the simulated
// pool. Prints what passed.
#include <cstdio>
#include <ordeal/pool/pool.hpp>

#include "testing/contract/simulated_world.hpp"
#include "testing/contract/trial.hpp"
#include "testing/helpers/event_watch.hpp"

int main() {
  const auto reports = ordeal::trial::run_contract(ordeal::trial::simulated_world);
  std::fputs(ordeal::trial::summary_of(reports).c_str(), stdout);
  const auto refused = ordeal::pool::Pool::start({});  // no command
  std::puts(refused ? "started" : "refused");
}
