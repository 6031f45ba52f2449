// The model that workers ask, by HTTP, through its stand-in: refusals, errors, slowness, dropped
// connections, answers that are none. Proof: the stand-in's own count of the requests it struck.
#include <fmt/format.h>

#include "chaos/faults/model_endpoint.hpp"
#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

struct Row {
  std::string_view name;
  std::string_view summary;
  std::string_view expected;
  std::string_view fault;           // of the stand-in
  std::vector<OptionSpec> options;  // each is named in the stand-in as here, but `latency_ms`: ms
};

constexpr std::string_view tried_again =
    "the call fails as the worker says, or is tried again if it is idempotent; no worker is lost";

const Row rows[] = {
    {"model_rate_limit",
     "the model refuses: HTTP 429, with a hint when to come back",
     tried_again,
     "rate_limit",
     {{"retry_after_ms", 0, 600'000, 20, "the hint"}}},
    {"model_error",
     "the model fails: HTTP 500, or another status",
     tried_again,
     "error",
     {{"status", 400, 599, 500, "of those that Gemini has"}}},
    {"model_slow",
     "the model answers late",
     "slower; deadlines hold",
     "latency",
     {{"latency_ms", 1, 600'000, 100, "later"}}},
    {"model_drop", "the connection to the model ends before its answer", tried_again, "drop", {}},
    {"model_malformed", "the model's answer is no JSON", tried_again, "malformed", {}},
};

// What there is left of this fault in the stand-in's script; null: it is not there.
json entry_of(ModelEndpoint& model, const json& number) {
  const json told = model.order({{"do", "list"}});
  for (const json& fault : told.value("faults", json::array())) {
    if (fault.value("number", 0) == number) return fault;
  }
  return {};
}

FaultKind model_kind(const Row& row) {
  FaultKind kind{.name = row.name,
                 .summary = row.summary,
                 .proof = "the stand-in has counted requests that it struck",
                 .expected = row.expected,
                 .aim = Aim::model,
                 .options = row.options};
  kind.permit = [](const Site& site) {
    return site.with_model ? Permit{}
                           : refused_because("no {model_endpoint} in the pool's environment");
  };
  kind.inject = [fault = row.fault](Strike& strike, Site& site) -> Attempt<void> {
    json entry{{"kind", fault}, {"times", nullptr}};
    for (const auto& [name, value] : strike.values) {
      entry[name == "latency_ms" ? "ms" : name] = value;
    }
    const json added = site.model->order({{"do", "add"}, {"fault", entry}});
    if (added.is_null()) return tl::unexpected(std::string{"the stand-in refuses "} + entry.dump());
    strike.memo["number"] = added["number"];
    strike.resource = site.model;
    return {};
  };
  kind.prove = [](Strike& strike, Site& site) -> std::optional<std::string> {
    if (!strike.memo.contains("number")) return {};
    const std::int64_t used =
        entry_of(*site.model, strike.memo["number"]).value("used", std::int64_t{0});
    if (used == 0) return {};
    return fmt::format("the stand-in struck {} requests", used);
  };
  kind.undo = [](const json&, std::shared_ptr<void>& resource) -> Attempt<std::string> {
    auto* model = static_cast<ModelEndpoint*>(resource.get());
    if (model == nullptr) return "it ended with its process";
    if (model->order({{"do", "clear"}}).is_null()) {
      return tl::unexpected(std::string{"the stand-in does not answer"});
    }
    resource.reset();
    return "the script is cleared";
  };
  kind.undone = [](const json&) { return true; };
  return kind;
}

}  // namespace

void add_model_faults(std::vector<FaultKind>& kinds) {
  for (const Row& row : rows) kinds.push_back(model_kind(row));
}

}  // namespace ordeal::chaos
