// A graph under load, step by step: runner_server's Scheduler and MicroBatcher and the gateway's
// choice of replicas, by a clock that takes the times of steps from a profile (costs.py).
//
// Reads a question from standard input and writes the answer to standard output, both JSON;
// simulator.py asks. Times are in seconds. Nothing is random but the two replicas of which a call
// goes to the less loaded, and that is seeded.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "api_server/runners/replica_choice.h"
#include "runner_server/scheduler/micro_batcher.h"
#include "runner_server/scheduler/scheduler.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using Callback = std::function<void()>;

// What happens when; at equal times in the order in which it was added.
class Events {
 public:
  double now() const { return now_; }
  void At(double time, Callback callback) { queue_.emplace(time, std::move(callback)); }

  void Run() {
    while (!queue_.empty()) {
      const auto next = queue_.extract(queue_.begin());
      now_ = next.key();
      next.mapped()();
    }
  }

 private:
  double now_ = 0;
  std::multimap<double, Callback> queue_;
};

// Cores that whatever runs on them shares evenly; a piece of work uses one of them. Without cores
// each piece has one of its own, on machines whose other cores are busy.
class Machine {
 public:
  Machine(Events& events, int num_cores) : events_(events), num_cores_(num_cores) {}

  // `seconds` on a core with the others idle, `slowdown` times as long in company.
  void Run(double seconds, double slowdown, Callback done) {
    if (num_cores_ == 0) return events_.At(events_.now() + seconds * slowdown, std::move(done));
    Advance();
    active_.push_back({seconds, slowdown, std::move(done)});
    SetTimer();
  }

 private:
  struct Work {
    double left;
    double slowdown;
    Callback done;
  };

  double Rate(const Work& work) const {
    const double share = num_cores_ / static_cast<double>(active_.size());
    return active_.size() == 1 ? 1 : std::min(1.0, share) / work.slowdown;
  }

  void Advance() {
    for (Work& work : active_) work.left -= (events_.now() - since_) * Rate(work);
    since_ = events_.now();
  }

  void SetTimer() {
    ++timer_;
    if (active_.empty()) return;
    const auto left = [this](const Work& work) { return std::max(work.left, 0.0) / Rate(work); };
    const auto first = std::min_element(active_.begin(), active_.end(),
                                        [&](auto& a, auto& b) { return left(a) < left(b); });
    events_.At(events_.now() + left(*first), [this, i = first - active_.begin(), timer = timer_] {
      if (timer != timer_) return;  // Something has begun or ended since it was set.
      Advance();
      const Callback done = std::move(active_[i].done);
      active_.erase(active_.begin() + i);
      SetTimer();
      done();
    });
  }

  Events& events_;
  const int num_cores_;
  std::vector<Work> active_;
  double since_ = 0;
  int64_t timer_ = 0;
};

// What replicas have in common.
struct Setting {
  std::vector<double> knots;  // Sizes at which a model's costs are known.
  Events& events;
  Machine& machine;
};

// One runner: steps as long as there is work.
class Replica {
 public:
  // `model` is a Model of costs.py. Both must outlive the replica.
  Replica(const json& model, const Setting& setting) : model_(model), setting_(setting) {}
  virtual ~Replica() = default;

  void Add(int prompt_tokens, int new_tokens, Callback done) {
    done_.push_back(std::move(done));
    Enqueue(done_.size() - 1, prompt_tokens, new_tokens);
    if (!stepping_) Step();
  }

  int64_t outstanding_tokens = 0;  // As the gateway counts them.
  int64_t most_kv_tokens = 0;
  std::function<void(int)> on_tokens = [](int) {};  // So many are sent.

 protected:
  struct Work {
    int tokens;            // 0: there is none.
    int num_choosing = 1;  // Sequences that get a token.
    int64_t keys = 0;
  };
  virtual void Enqueue(uint64_t id, int prompt_tokens, int new_tokens) = 0;
  virtual Work Begin(absl::Time now) = 0;
  virtual std::vector<uint64_t> End(absl::Duration duration) = 0;  // Ids of what has ended.

 private:
  void Step() {
    const double begun_at = setting_.events.now();
    const Work work = Begin(absl::UnixEpoch() + absl::Seconds(begun_at));
    if (work.tokens == 0) return;
    stepping_ = true;
    const double seconds = At("seconds", work.tokens) + At("choosing", work.num_choosing) +
                           model_["per_key"].get<double>() * static_cast<double>(work.keys);
    setting_.machine.Run(seconds, At("beside", work.tokens), [this, begun_at] {
      stepping_ = false;
      for (const uint64_t id : End(absl::Seconds(setting_.events.now() - begun_at))) {
        std::exchange(done_[id], nullptr)();
      }
      if (!stepping_) Step();  // What the step's end brought may have begun the next.
    });
  }

  // Between two knots it is a straight line.
  double At(const char* costs, double size) const {
    const std::vector<double>& knots = setting_.knots;
    const size_t i = std::upper_bound(knots.begin() + 1, knots.end() - 1, size) - knots.begin();
    const double low = model_[costs][i - 1], high = model_[costs][i];
    return low + (high - low) * (size - knots[i - 1]) / (knots[i] - knots[i - 1]);
  }

  const json& model_;
  const Setting& setting_;
  std::vector<Callback> done_;  // By id.
  bool stepping_ = false;
};

class Generator : public Replica {
 public:
  Generator(const json& model, const Setting& setting)
      : Replica(model, setting), slots_(model["max_sequences"].get<int>()) {}

 private:
  void Enqueue(uint64_t id, int prompt_tokens, int new_tokens) override {
    auto sequence = std::make_unique<Sequence>();
    sequence->id = id;
    sequence->tokens.assign(prompt_tokens, 0);
    sequence->tokens[0] = static_cast<int32_t>(id);  // No two begin alike.
    sequence->num_prompt_tokens = prompt_tokens;
    sequence->max_tokens = prompt_tokens + new_tokens;
    scheduler_->Add(std::move(sequence));
  }

  Work Begin(absl::Time now) override {
    step_ = scheduler_->Schedule(now);
    most_kv_tokens = std::max(most_kv_tokens, slots_.num_needed_tokens());
    Work work = {.tokens = step_.stats.num_tokens, .num_choosing = 0};
    for (const auto& [sequence, num_tokens, wants_logits] : step_.rows) {
      work.num_choosing += wants_logits;
      if (sequence->is_decoding()) work.keys += std::ssize(sequence->tokens);
    }
    work.num_choosing = std::max(work.num_choosing, 1);
    return work;
  }

  std::vector<uint64_t> End(absl::Duration duration) override {
    scheduler_->Observe(step_, duration);
    int num_chosen = 0;
    std::vector<uint64_t> ended;
    for (const auto& [sequence, num_tokens, wants_logits] : step_.rows) {
      sequence->num_cached += num_tokens;
      if (!wants_logits) continue;
      ++num_chosen;
      sequence->tokens.push_back(0);
      if (std::ssize(sequence->tokens) < sequence->max_tokens) continue;
      ended.push_back(sequence->id);
      scheduler_->Remove(*sequence);
    }
    on_tokens(num_chosen);
    return ended;
  }

  SlotPool slots_;
  const std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Create({.target_step_time = absl::Milliseconds(100)}, slots_).value();
  ScheduledStep step_;
};

class Classifier : public Replica {
 public:
  Classifier(const json& model, const Setting& setting)
      : Replica(model, setting),
        batcher_(MicroBatcher::Create({.max_batch_rows = model["max_sequences"]}).value()) {}

 private:
  void Enqueue(uint64_t id, int prompt_tokens, int new_tokens) override {
    TextCall call = {.id = id, .underway = true};
    call.rows.emplace_back().ids.resize(prompt_tokens + new_tokens);
    batcher_->Add(std::move(call));
  }

  Work Begin(absl::Time now) override {
    batch_ = batcher_->Form(now);
    Work work = {.tokens = batch_.num_tokens};
    for (const BatchRow& row : batch_.rows) {
      work.keys += std::ssize(row.tokens.ids) * std::ssize(row.tokens.ids);
    }
    return work;
  }

  std::vector<uint64_t> End(absl::Duration) override {
    std::vector<uint64_t> ids;
    for (const BatchRow& row : batch_.rows) ids.push_back(row.call);
    return ids;
  }

  const std::unique_ptr<MicroBatcher> batcher_;
  Batch batch_;
};

// Generators side by side, each of whose texts the classifier scores; the reply is there when the
// last score is.
class Graph {
 public:
  explicit Graph(const json& question)
      : profile_(question["profile"]),
        num_shared_cores_(question["shared_cores"]),
        setting_{question["knots"], events_, machine_} {
    for (const auto& [name, model] : profile_["models"].items()) {
      Replicas& replicas = model["classifier"] ? classifiers_ : generators_[name];
      for (int i = question["replicas"][name]; i > 0; --i) {
        if (model["classifier"]) {
          replicas.push_back(std::make_unique<Classifier>(model, setting_));
        } else {
          replicas.push_back(std::make_unique<Generator>(model, setting_));
        }
        if (num_shared_cores_ == 0) continue;
        replicas.back()->on_tokens = [this](int count) {  // To send them takes of the cores, too.
          machine_.Run(profile_["runner_per_token"].get<double>() * count, 1, [] {});
          machine_.Run(profile_["gateway_per_token"].get<double>() * count, 1, [] {});
        };
      }
    }
    for (const json& request : question["requests"]) {
      events_.At(request[0], [this, &request, i = seconds_.size()] {
        OnArrival(request[1], request[2], seconds_[i]);
      });
      seconds_.push_back(0);
    }
  }

  json Run() {
    events_.Run();
    json kv_tokens;
    for (const auto& [name, replicas] : generators_) {
      for (const auto& replica : replicas) kv_tokens[name].push_back(replica->most_kv_tokens);
    }
    return {{"seconds", seconds_}, {"ended_at", events_.now()}, {"kv_tokens", kv_tokens}};
  }

 private:
  using Replicas = std::vector<std::unique_ptr<Replica>>;

  // Where cores are not shared there are gateways enough.
  void OnArrival(int prompt_tokens, int new_tokens, double& reply_seconds) {
    const double arrival = events_.now();
    const double seconds =
        num_shared_cores_ > 0 ? profile_["gateway_per_request"].get<double>() : 0;
    machine_.Run(seconds, 1, [=, this, &reply_seconds] {
      const auto num_open = std::make_shared<size_t>(generators_.size());
      for (const auto& [name, replicas] : generators_) {
        AddText(replicas, prompt_tokens, new_tokens, [=, this, &reply_seconds] {
          AddText(classifiers_, prompt_tokens, new_tokens, [=, this, &reply_seconds] {
            if (--*num_open == 0) reply_seconds = events_.now() - arrival;
          });
        });
      }
    });
  }

  void AddText(const Replicas& replicas, int prompt_tokens, int new_tokens, Callback done) {
    std::vector<int64_t> loads;
    for (const auto& replica : replicas) loads.push_back(replica->outstanding_tokens);
    Replica& chosen = *replicas[gateway::ChooseReplica(loads, random_())];
    const int length = prompt_tokens + new_tokens;
    chosen.outstanding_tokens += length;
    chosen.Add(prompt_tokens, new_tokens, [&chosen, length, done = std::move(done)] {
      chosen.outstanding_tokens -= length;
      done();
    });
  }

  const json& profile_;
  const int num_shared_cores_;  // 0: each replica has cores of its own.
  Events events_;
  Machine machine_{events_, num_shared_cores_};
  const Setting setting_;
  std::map<std::string, Replicas> generators_;
  Replicas classifiers_;
  std::mt19937_64 random_;
  std::vector<double> seconds_;  // Of each request's reply.
};

}  // namespace
}  // namespace chorus::runner

int main() {
  const auto question = nlohmann::json::parse(std::cin);
  std::cout << chorus::runner::Graph(question).Run() << "\n";
}
