#include "runner_server/model/torch/torch_generator.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "runner_server/model/torch/torch_device.h"

namespace chorus::runner {

// A prompt's share of a pass.
struct Prompt {
  int64_t first;                     // Of the pass' tokens,
  int64_t size;                      // so many,
  int64_t start;                     // from this position on.
  std::vector<int64_t> places = {};  // Of all its tokens up to the last; none if start is 0.
  at::Tensor sent_places = {};

  // Whether it sees what is before each of its tokens, all in this pass.
  bool is_causal(int window) const { return start == 0 && (window == 0 || window >= size); }
};

struct TorchGenerator::Plan {
  std::vector<int64_t> ids, positions;  // Of each token.
  std::vector<int64_t> places;          // Of each token in the cache.
  std::vector<int64_t> wanted;          // Tokens whose logits are wanted.
  std::vector<int64_t> decoded;         // Tokens that come alone.
  std::vector<int64_t> starts;          // The positions of these.
  int num_pages = 0;                    // The most that one of these has.
  std::vector<int64_t> pages;           // [decoded, num_pages]
  std::vector<Prompt> prompts;

  bool decodes() const { return prompts.empty() && wanted.size() == ids.size(); }
};

struct TorchGenerator::Pass {
  TorchTokens tokens;
  at::Tensor places, wanted, decoded;  // The last two may be undefined: all tokens.
  at::Tensor starts, pages;
  std::vector<Prompt> prompts;
};

namespace {

// By how many tokens each key is older than each query; negative: it is not seen.
class Ages {
 public:
  explicit Ages(at::Tensor ages = {}) : ages_(std::move(ages)) {}

  // Which keys are seen. Layers of one window share it.
  const at::Tensor& Seen(int window) {
    const auto [seen, is_new] = seen_.try_emplace(window);
    if (is_new) {
      const at::Tensor is_past = ages_ >= 0;
      seen->second = window == 0 ? is_past : is_past & (ages_ < window);
    }
    return seen->second;
  }

 private:
  at::Tensor ages_;
  std::map<int, at::Tensor> seen_;
};

}  // namespace

// The keys of a pass.
struct TorchGenerator::Past {
  at::Tensor places;          // [decoded * keys]
  Ages ages;                  // [decoded, 1, 1, keys]
  std::vector<Ages> prompts;  // [queries, keys] each, of those in whose layers not all is seen.
};

namespace {

// What the pool of keys and values may take.
int64_t PoolBytes(const Executor::Options& options, const at::Device& device) {
  int64_t room = 0;
  if (device.is_cpu()) {  // Which gives memory page by page, when it is written.
    room = sysconf(_SC_PHYS_PAGES) / 2 * sysconf(_SC_PAGESIZE);
  } else {
    const auto [free, total] = at::accelerator::getMemoryInfo(device.index());
    const double kept = (1 - options.memory_fraction) * static_cast<double>(total);
    room = std::max<int64_t>(0, static_cast<int64_t>(static_cast<double>(free) - kept));
  }
  return options.max_kv_bytes > 0 ? std::min(options.max_kv_bytes, room) : room;
}

// [queries, heads, head_size] as an attention wants it.
at::Tensor AsBatch(const at::Tensor& heads) { return heads.transpose(0, 1).unsqueeze(0); }

// The number of rows, and of pages of a row, of the shape that holds so many.
int RoundRows(int n) {
  return n <= 8 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(n))) : (n + 7) / 8 * 8;
}
int RoundPages(int n) { return static_cast<int>(std::bit_ceil(static_cast<unsigned>(n))); }

}  // namespace

TorchGenerator::TorchGenerator(std::unique_ptr<TorchDecoder> decoder,
                               const Executor::Options& options)
    : decoder_(std::move(decoder)),
      num_slots_(options.num_kv_slots),
      has_fixed_shapes_(options.fixed_shapes || !decoder_->device().is_cpu()),
      num_threads_(options.num_threads),
      cache_({.num_slots = num_slots_,
              .num_layers = architecture().num_layers,
              .num_heads = architecture().num_kv_heads,
              .head_size = architecture().head_size,
              .context_size = architecture().context_size,
              .max_bytes = PoolBytes(options, decoder_->device())},
             decoder_->dtype(), decoder_->device()) {}

DeviceStats TorchGenerator::device_stats() const {
  DeviceStats stats = StatsOf(decoder_->device());
  stats.num_recordings = num_recordings_;
  return stats;
}

TorchGenerator::Plan TorchGenerator::MakePlan(std::span<const Row> rows) const {
  Plan plan;
  for (const Row& row : rows) {
    if (row.tokens.size() == 1) {
      plan.num_pages = std::max(plan.num_pages, PagedKv::NumPages(row.start + 1));
    }
  }
  for (const Row& row : rows) {
    const auto first = static_cast<int64_t>(plan.ids.size());
    const int size = static_cast<int>(row.tokens.size()), end = row.start + size;
    plan.ids.insert(plan.ids.end(), row.tokens.begin(), row.tokens.end());
    for (int p = row.start; p < end; ++p) {
      plan.positions.push_back(p + architecture().first_position);
    }
    cache_.AppendPlaces(row.slot, row.start, end, plan.places);
    for (int64_t i = row.wants_all_logits ? 0 : size - row.wants_logits; i < size; ++i) {
      plan.wanted.push_back(first + i);
    }
    if (size == 1) {
      plan.decoded.push_back(first);
      plan.starts.push_back(row.start);
      cache_.AppendPages(row.slot, plan.num_pages, plan.pages);
    } else {
      plan.prompts.push_back({.first = first, .size = size, .start = row.start});
      if (row.start > 0) cache_.AppendPlaces(row.slot, 0, end, plan.prompts.back().places);
    }
  }
  return plan;
}

void TorchGenerator::Pad(int num_rows, int num_pages, Plan& plan) const {
  const int64_t spare = cache_.spare_page();
  const size_t old_rows = plan.ids.size();
  std::vector<int64_t> pages(static_cast<size_t>(num_rows) * num_pages, spare);
  for (size_t row = 0; row < old_rows; ++row) {
    const auto from = plan.pages.begin() + static_cast<ptrdiff_t>(row * plan.num_pages);
    std::copy_n(from, plan.num_pages, pages.begin() + static_cast<ptrdiff_t>(row * num_pages));
  }
  plan.pages = std::move(pages);
  plan.num_pages = num_pages;
  plan.ids.resize(num_rows, 0);
  plan.positions.resize(num_rows, architecture().first_position);
  plan.places.resize(num_rows, spare * PagedKv::kPageTokens);
  plan.starts.resize(num_rows, 0);  // It sees one key, so that no number is a NaN.
  for (size_t row = old_rows; row < plan.ids.size(); ++row) {
    plan.wanted.push_back(static_cast<int64_t>(row));
    plan.decoded.push_back(static_cast<int64_t>(row));
  }
}

TorchGenerator::Pass TorchGenerator::Send(const Plan& plan, const at::Tensor& fixed) const {
  std::vector<const std::vector<int64_t>*> parts = {&plan.ids,    &plan.positions, &plan.places,
                                                    &plan.wanted, &plan.decoded,   &plan.starts,
                                                    &plan.pages};
  for (const Prompt& prompt : plan.prompts) parts.push_back(&prompt.places);
  int64_t size = 0;
  for (const auto* part : parts) size += std::ssize(*part);
  const at::Device& device = decoder_->device();
  const at::Tensor host =
      at::empty({size}, at::TensorOptions(at::kLong).pinned_memory(!device.is_cpu()));
  auto* out = host.mutable_data_ptr<int64_t>();
  for (const auto* part : parts) out = std::copy(part->begin(), part->end(), out);
  const at::Tensor sent = fixed.defined()
                              ? fixed.copy_(host, /*non_blocking=*/true)
                              : host.to(device, at::kLong, /*non_blocking=*/true, /*copy=*/false);

  int64_t at = 0;
  const auto next = [&](const std::vector<int64_t>& part) {
    at += std::ssize(part);
    return sent.narrow(0, at - std::ssize(part), std::ssize(part));
  };
  Pass pass;
  pass.tokens = {.ids = next(plan.ids), .positions = next(plan.positions)};
  pass.places = next(plan.places);
  pass.wanted = next(plan.wanted);
  pass.decoded = next(plan.decoded);
  pass.starts = next(plan.starts);
  pass.pages = next(plan.pages);
  if (!plan.decoded.empty()) {
    pass.pages = pass.pages.view({std::ssize(plan.decoded), plan.num_pages});
  }
  if (plan.wanted.size() == plan.ids.size()) pass.wanted = at::Tensor();
  if (plan.prompts.empty()) pass.decoded = at::Tensor();
  for (const Prompt& prompt : plan.prompts) {
    pass.prompts.push_back({.first = prompt.first, .size = prompt.size, .start = prompt.start});
    if (prompt.start > 0) pass.prompts.back().sent_places = next(prompt.places);
  }
  return pass;
}

LanguageModel::Output TorchGenerator::Run(std::span<const Row> rows,
                                          absl::FunctionRef<void()> meanwhile) {
  at::set_num_threads(num_threads_);
  return WithoutTorchErrors([&]() -> Output {
    for (const Row& row : rows) {
      cache_.Reserve(row.slot, row.start + static_cast<int>(row.tokens.size()));
    }
    cache_.ClearTaken();
    Plan plan = MakePlan(rows);
    const bool wants_any = !plan.wanted.empty();
    int num_padded_rows = 0;
    if (has_fixed_shapes_ && plan.decodes()) {
      logits_ = ComputeDecodes(std::move(plan), num_padded_rows);
    } else {
      logits_ = Compute(Send(plan, {}));
    }
    Output output;
    if (wants_any) {
      output = Fetch(rows, meanwhile);
    } else {
      meanwhile();
    }
    output.num_padded_rows = num_padded_rows;
    return output;
  });
}

at::Tensor TorchGenerator::ComputeDecodes(Plan plan, int& num_padded_rows) {
  const int num_rows = RoundRows(static_cast<int>(plan.ids.size()));
  const int num_pages = RoundPages(plan.num_pages);
  num_padded_rows = num_rows;
  Pad(num_rows, num_pages, plan);
  std::unique_ptr<DecodeStep>& step = decode_steps_[{num_rows, num_pages}];
  if (step != nullptr && step->graph != nullptr) {
    Send(plan, step->sent);
    step->graph->Play();
    return step->logits;
  }
  if (step == nullptr) {
    step = std::make_unique<DecodeStep>();
    const int64_t size = int64_t{num_rows} * (6 + num_pages);
    step->sent = at::empty({size}, at::TensorOptions(at::kLong).device(decoder_->device()));
    const Pass pass = Send(plan, step->sent);
    step->graph = StepGraph::Record(decoder_->device(), [&] { step->logits = Compute(pass); });
    if (step->graph != nullptr) ++num_recordings_;
    return step->logits;
  }
  return Compute(Send(plan, step->sent));  // On a device that records nothing.
}

at::Tensor TorchGenerator::Compute(const Pass& pass) {
  const auto options = at::TensorOptions(at::kLong).device(decoder_->device());
  Past past;
  if (pass.starts.size(0) > 0) {
    constexpr int64_t kPage = PagedKv::kPageTokens;
    past.places = (pass.pages.unsqueeze(2) * kPage + at::arange(kPage, options)).flatten();
    past.ages =
        Ages(pass.starts.view({-1, 1, 1, 1}) - at::arange(pass.pages.size(1) * kPage, options));
  }
  for (const Prompt& prompt : pass.prompts) {
    const bool is_causal = std::ranges::all_of(
        architecture().attention,
        [&](const LayerAttention& kind) { return prompt.is_causal(kind.window); });
    if (is_causal) {
      past.prompts.emplace_back();
      continue;
    }
    const int64_t end = prompt.start + prompt.size;
    past.prompts.emplace_back(at::arange(prompt.start, end, options).unsqueeze(1) -
                              at::arange(end, options));
  }
  return decoder_->Logits(pass.tokens, pass.wanted,
                          [&](int layer, const at::Tensor& q, const at::Tensor& k,
                              const at::Tensor& v) { return Attend(pass, past, layer, q, k, v); });
}

void TorchGenerator::LoadPast(int layer, const at::Tensor& places, int64_t num_rows,
                              TorchAttention& attention) {
  const at::Tensor past = cache_.Load(layer, places);  // [places, 2, heads, head_size]
  const auto part = [&](int which) {
    return past.select(1, which)
        .view({num_rows, -1, architecture().num_kv_heads, architecture().head_size})
        .transpose(1, 2);
  };
  attention.k = part(0);
  attention.v = part(1);
}

at::Tensor TorchGenerator::Attend(const Pass& pass, Past& past, int layer, const at::Tensor& q,
                                  const at::Tensor& k, const at::Tensor& v) {
  cache_.Store(layer, pass.places, k, v);
  const LayerAttention& kind = architecture().attention[layer];
  TorchAttention attention = {.scale = kind.scale, .soft_cap = architecture().attention_soft_cap};
  at::Tensor out;
  if (!pass.prompts.empty()) out = at::empty_like(q, at::MemoryFormat::Contiguous);
  if (past.places.defined()) {
    const at::Tensor queries = pass.decoded.defined() ? q.index_select(0, pass.decoded) : q;
    const int64_t num_rows = queries.size(0);
    attention.q = queries.unsqueeze(2);  // [rows, heads, 1, head_size]
    LoadPast(layer, past.places, num_rows, attention);
    attention.mask = past.ages.Seen(kind.window);
    const at::Tensor mixed = attention.Run().squeeze(2);  // [rows, heads, head_size]
    if (pass.prompts.empty()) return mixed.reshape({num_rows, -1});
    out.index_copy_(0, pass.decoded, mixed);
  }
  for (size_t i = 0; i < pass.prompts.size(); ++i) {
    const Prompt& prompt = pass.prompts[i];
    attention.q = AsBatch(q.narrow(0, prompt.first, prompt.size));
    if (prompt.start > 0) {
      LoadPast(layer, prompt.sent_places, 1, attention);
    } else {
      attention.k = AsBatch(k.narrow(0, prompt.first, prompt.size));
      attention.v = AsBatch(v.narrow(0, prompt.first, prompt.size));
    }
    attention.causal = prompt.is_causal(kind.window);
    attention.mask = attention.causal ? at::Tensor() : past.prompts[i].Seen(kind.window);
    out.narrow(0, prompt.first, prompt.size).copy_(attention.Run().squeeze(0).transpose(0, 1));
  }
  return out.flatten(1);
}

LanguageModel::Output TorchGenerator::Fetch(std::span<const Row> rows,
                                            absl::FunctionRef<void()> meanwhile) {
  std::vector<int64_t> all_rows;
  top_rows_.clear();
  int num_top = 0;
  int64_t at = 0;
  for (const Row& row : rows) {
    const int64_t num_wanted =
        row.wants_all_logits ? std::ssize(row.tokens) : static_cast<int64_t>(row.wants_logits);
    for (int64_t i = 0; i < num_wanted; ++i) {
      (row.num_top > 0 ? top_rows_ : all_rows).push_back(at++);
    }
    num_top = std::max(num_top, row.num_top);
    if (row.num_top > 0) num_ids_ = row.num_ids;
  }
  const auto select = [&](const std::vector<int64_t>& of) {
    if (std::ssize(of) == at) return logits_.narrow(0, 0, at);
    return logits_.index_select(0, at::tensor(of, at::kLong).to(logits_.device()));
  };
  // Each row's largest logits, their ids, the log-sum-exp, and whether all are finite, in one
  // tensor, so that one copy waits for the device. An fp32 holds every id.
  at::Tensor packed;
  if (!top_rows_.empty()) {
    const at::Tensor logits = select(top_rows_).narrow(1, 0, num_ids_);
    const auto [values, ids] = at::topk(logits, num_top);
    packed = at::cat({values, ids.to(at::kFloat), at::logsumexp(logits, 1, /*keepdim=*/true),
                      at::isfinite(logits).all(1, /*keepdim=*/true).to(at::kFloat)},
                     1);
  }
  at::Tensor all;
  if (!all_rows.empty()) all = select(all_rows);
  meanwhile();

  Output output;
  if (packed.defined()) {
    packed = packed.to(at::kCPU);
    const auto* row = packed.const_data_ptr<float>();
    top_ids_.resize(top_rows_.size() * num_top);
    top_values_.resize(top_ids_.size());
    top_.clear();
    std::vector<int> order(num_top);
    for (size_t i = 0; i < top_rows_.size(); ++i, row += packed.size(1)) {
      const float* values = row;
      const float* ids = row + num_top;
      std::iota(order.begin(), order.end(), 0);
      std::ranges::sort(order, {}, [&](int index) { return ids[index]; });
      for (int j = 0; j < num_top; ++j) {
        top_ids_[i * num_top + j] = static_cast<int32_t>(ids[order[j]]);
        top_values_[i * num_top + j] = values[order[j]];
      }
      top_.push_back({.ids = std::span(top_ids_).subspan(i * num_top, num_top),
                      .logits = std::span(top_values_).subspan(i * num_top, num_top),
                      .log_sum_exp = ids[num_top],
                      .is_finite = ids[num_top + 1] != 0});
    }
    output.top = top_;
  }
  if (all.defined()) {
    all_ = all.to(at::kCPU).contiguous();
    output.logits = {all_.const_data_ptr<float>(), static_cast<size_t>(all_.numel())};
  }
  return output;
}

std::span<const float> TorchGenerator::AllOfTop(int index) {
  return WithoutTorchErrors([&]() -> std::span<const float> {
    all_of_top_ = logits_[top_rows_[index]].narrow(0, 0, num_ids_).to(at::kCPU).contiguous();
    return {all_of_top_.const_data_ptr<float>(), static_cast<size_t>(num_ids_)};
  });
}

void TorchGenerator::CopyPrefix(int from_slot, int to_slot, int num_tokens) {
  WithoutTorchErrors([&] { cache_.CopyPrefix(from_slot, to_slot, num_tokens); });
}

}  // namespace chorus::runner
