#include "chaos/experiment/surroundings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "chaos/faults/model_endpoint.hpp"

namespace ordeal::chaos {
namespace {

namespace fs = std::filesystem;

}  // namespace

Attempt<void> Surroundings::prepare(const Plan& plan, const RunOptions& options) {
  auto undo = UndoLog::open(options.state_folder);
  if (!undo) return tl::unexpected(undo.error());
  undo_ = std::move(*undo);
  if (auto made = make_folders(plan, options); !made) return made;
  pool_options_ = plan.pool;
  if (plan.with_model) {
    auto model = ModelEndpoint::start(options.model_program);
    if (!model) return tl::unexpected(model.error());
    site_.with_model = true;
    site_.model = std::move(*model);
    site_.burnt_pids.push_back(site_.model->pid());  // a child of ours, and no spare
    marks_.emplace_back("{model_endpoint}", site_.model->url());
  }
  for (std::string& word : pool_options_.command) fill_in(word);
  for (auto& [name, value] : pool_options_.environment) fill_in(value);
  fill_in(pool_options_.session_store);
  for (const FaultEntry& entry : plan.faults) {
    const bool before = std::any_of(prepared_.begin(), prepared_.end(),
                                    [&](const Prepared& p) { return p.kind == entry.kind; });
    if (!entry.kind->prepare || before) continue;
    if (entry.kind->permit && !entry.kind->permit(site_).granted) continue;
    auto record = entry.kind->prepare(site_);
    if (!record) return tl::unexpected(record.error());
    const auto id = undo_.add(entry.kind->name, *record);
    prepared_.push_back({entry.kind, id.value_or(0), *record});
  }
  return {};
}

Attempt<void> Surroundings::make_folders(const Plan& plan, const RunOptions& options) {
  const auto made = make_run_folder();
  if (!made) return tl::unexpected(made.error());
  const std::string folder = site_.folder = *made;
  folder_record_ = undo_.add(run_folder_kind, {{"folder", folder}}).value_or(0);
  site_.relay_program = options.relay_program;
  std::error_code failed;
  if (plan.with_relay) {
    const std::string program = folder + "/relay-program";
    site_.relay_folder = folder + "/relay";
    fs::create_directory(site_.relay_folder, failed);
    if (!failed) fs::create_symlink(options.relay_program, program, failed);
    marks_.emplace_back("{relay}", program);
    marks_.emplace_back("{relay_folder}", site_.relay_folder);
  }
  if (plan.store_in_file && !failed) {
    fs::create_directory(folder + "/store", failed);
    site_.store_file = folder + "/store/sessions.db";
    marks_.emplace_back("{store}", site_.store_file);
  }
  if (failed) return tl::unexpected(folder + ": " + failed.message());
  return {};
}

void Surroundings::fill_in(std::string& text) const {
  for (const auto& [mark, by] : marks_) {
    if (const std::size_t at = text.find(mark); at != text.npos) text.replace(at, mark.size(), by);
  }
}

void Surroundings::clean_up() {
  for (const Prepared& prepared : prepared_) {
    std::shared_ptr<void> none;
    const auto undone = prepared.kind->undo(prepared.record, none);
    if (undone && !undone->empty() && prepared.kind->undone(prepared.record)) {
      undo_.done(prepared.undo_id);
    }
  }
  prepared_.clear();
  site_.model.reset();
  std::error_code failed;
  if (!site_.folder.empty()) fs::remove_all(site_.folder, failed);
  if (!failed) undo_.done(folder_record_);
  undo_.close();
}

}  // namespace ordeal::chaos
