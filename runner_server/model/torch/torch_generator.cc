#include "runner_server/model/torch/torch_generator.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runner_server/model/torch/torch_errors.h"

namespace chorus::runner {

// A prompt's share of a pass: tokens [first, first + size) of it, from position `start` on.
struct Prompt {
  int64_t first;
  int64_t size;
  int64_t start;
  at::Tensor places;  // Of all its tokens up to the last; undefined: those of the pass alone.
};

struct TorchGenerator::Pass {
  TorchTokens tokens;
  at::Tensor places;   // [tokens] in the cache.
  at::Tensor wanted;   // Tokens whose logits are wanted.
  at::Tensor decoded;  // Tokens that come alone.
  at::Tensor past;     // [decoded, longest]: places of their keys; beyond a row's own: any.
  at::Tensor ages;  // [decoded, longest]: how many tokens before the row's own a key is; < 0: none.
  std::vector<Prompt> prompts;
};

namespace {

// Which keys are seen, by how many tokens they come before the query.
at::Tensor Seen(const at::Tensor& ages, int window) {
  const at::Tensor is_past = ages >= 0;
  return window == 0 ? is_past : is_past & (ages < window);
}

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

}  // namespace

TorchGenerator::TorchGenerator(std::unique_ptr<TorchTransformer> transformer,
                               const Executor::Options& options)
    : transformer_(std::move(transformer)),
      num_slots_(options.num_kv_slots),
      num_threads_(options.num_threads),
      cache_({.num_slots = num_slots_,
              .num_layers = architecture().num_layers,
              .num_heads = architecture().num_kv_heads,
              .head_size = architecture().head_size,
              .context_size = architecture().context_size,
              .max_bytes = PoolBytes(options, transformer_->device())},
             transformer_->dtype(), transformer_->device()) {}

at::Tensor TorchGenerator::OnDevice(const std::vector<int64_t>& values) const {
  return at::tensor(values, at::kLong).to(transformer_->device());
}

TorchGenerator::Pass TorchGenerator::Plan(std::span<const Row> rows) const {
  Pass pass;
  std::vector<int64_t> ids, positions, places, wanted, decoded, past, ages;
  int longest = 0;
  for (const Row& row : rows) {
    if (row.tokens.size() == 1) longest = std::max(longest, row.start + 1);
  }
  for (const Row& row : rows) {
    const auto first = static_cast<int64_t>(ids.size());
    const int size = static_cast<int>(row.tokens.size()), end = row.start + size;
    ids.insert(ids.end(), row.tokens.begin(), row.tokens.end());
    for (int p = row.start; p < end; ++p) positions.push_back(p + architecture().first_position);
    cache_.AppendPlaces(row.slot, row.start, end, places);
    if (row.wants_logits) wanted.push_back(first + size - 1);
    if (size == 1) {
      decoded.push_back(first);
      cache_.AppendPlaces(row.slot, 0, end, past);
      past.resize(decoded.size() * longest, places.back());
      for (int key = 0; key < longest; ++key) ages.push_back(row.start - key);
      continue;
    }
    Prompt prompt = {.first = first, .size = size, .start = row.start};
    if (row.start > 0) {
      std::vector<int64_t> all;
      cache_.AppendPlaces(row.slot, 0, end, all);
      prompt.places = OnDevice(all);
    }
    pass.prompts.push_back(std::move(prompt));
  }
  pass.tokens = {.ids = OnDevice(ids), .positions = OnDevice(positions)};
  pass.places = OnDevice(places);
  if (!wanted.empty() && wanted.size() < ids.size()) pass.wanted = OnDevice(wanted);
  if (!decoded.empty()) {
    if (!pass.prompts.empty()) pass.decoded = OnDevice(decoded);
    pass.past = OnDevice(past).view({static_cast<int64_t>(decoded.size()), longest});
    pass.ages = OnDevice(ages).view_as(pass.past);
  }
  return pass;
}

std::span<const float> TorchGenerator::Forward(std::span<const Row> rows) {
  at::set_num_threads(num_threads_);
  return WithoutTorchErrors([&]() -> std::span<const float> {
    bool wants_any = false;
    for (const Row& row : rows) {
      cache_.Reserve(row.slot, row.start + static_cast<int>(row.tokens.size()));
      wants_any |= row.wants_logits;
    }
    const Pass pass = Plan(rows);
    at::Tensor x = transformer_->Run(
        pass.tokens, [&](int layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
          return Attend(pass, layer, q, k, v);
        });
    if (!wants_any) return {};
    if (pass.wanted.defined()) x = x.index_select(0, pass.wanted);
    logits_ = transformer_->Logits(x).to(at::kCPU).contiguous();
    return {logits_.const_data_ptr<float>(), static_cast<size_t>(logits_.numel())};
  });
}

void TorchGenerator::LoadPast(int layer, const at::Tensor& places, int64_t batch,
                              TorchAttention& attention) {
  const at::Tensor past = cache_.Load(layer, places.flatten());  // [places, 2, heads, head_size]
  const auto part = [&](int which) {
    return past.select(1, which)
        .view({batch, -1, architecture().num_kv_heads, architecture().head_size})
        .transpose(1, 2);
  };
  attention.k = part(0);
  attention.v = part(1);
}

at::Tensor TorchGenerator::Attend(const Pass& pass, int layer, const at::Tensor& q,
                                  const at::Tensor& k, const at::Tensor& v) {
  cache_.Store(layer, pass.places, k, v);
  const LayerAttention& kind = architecture().attention[layer];
  TorchAttention attention = {.scale = kind.scale, .soft_cap = architecture().attention_soft_cap};
  at::Tensor out =
      pass.prompts.empty() ? at::Tensor() : at::empty_like(q, at::MemoryFormat::Contiguous);
  if (pass.past.defined()) {
    const at::Tensor queries = pass.decoded.defined() ? q.index_select(0, pass.decoded) : q;
    const int64_t batch = queries.size(0);
    attention.q = queries.unsqueeze(2);  // [rows, heads, 1, head_size]
    LoadPast(layer, pass.past, batch, attention);
    attention.mask = Seen(pass.ages, kind.window).view({batch, 1, 1, -1});
    const at::Tensor mixed = attention.Run().squeeze(2);  // [rows, heads, head_size]
    if (!pass.decoded.defined()) return mixed.reshape({batch, -1});
    out.index_copy_(0, pass.decoded, mixed);
  }
  for (const Prompt& prompt : pass.prompts) {
    attention.q = AsBatch(q.narrow(0, prompt.first, prompt.size));
    if (prompt.places.defined()) {
      LoadPast(layer, prompt.places, 1, attention);
    } else {
      attention.k = AsBatch(k.narrow(0, prompt.first, prompt.size));
      attention.v = AsBatch(v.narrow(0, prompt.first, prompt.size));
    }
    attention.causal = prompt.start == 0 && (kind.window == 0 || kind.window >= prompt.size);
    attention.mask = at::Tensor();
    if (!attention.causal) {
      const auto options = at::TensorOptions(at::kLong).device(q.device());
      const at::Tensor queries = at::arange(prompt.start, prompt.start + prompt.size, options);
      const at::Tensor keys = at::arange(prompt.start + prompt.size, options);
      attention.mask = Seen(queries.unsqueeze(1) - keys.unsqueeze(0), kind.window);
    }
    out.narrow(0, prompt.first, prompt.size).copy_(attention.Run().squeeze(0).transpose(0, 1));
  }
  return out.flatten(1);
}

void TorchGenerator::CopyPrefix(int from_slot, int to_slot, int num_tokens) {
  WithoutTorchErrors([&] { cache_.CopyPrefix(from_slot, to_slot, num_tokens); });
}

}  // namespace chorus::runner
