#pragma once

// The compute kernels, one set for each instruction set. The best that the CPU supports is chosen
// once; every set is tested against the references over odd shapes.
//
// Non-finite values propagate: a row with a NaN or an infinity, or one that overflows, gives NaN or
// infinities, so that the logits reveal it.
//
// Thread safety: constants.

#include "runner_server/kernels/activation.h"
#include "runner_server/kernels/attention.h"
#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/norm.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/kernels/quantize.h"
#include "runner_server/kernels/rotary.h"

namespace chorus::runner {

struct KernelTable {
  // "avx512_amx", "avx512_bf16", "avx512_vnni", "avx512", "avx2_vnni" or "avx2"; "neon_bf16",
  // "neon_dotprod" or "neon"; "portable".
  const char* name;
  // What --dtype auto takes: the fastest precision that costs no quality (docs/quality.md).
  Precision auto_precision;
  // The int8 product of two neighbours of a column, of K 2i and 2i + 1, with two of a row saturates
  // in 16 bits where the magnitudes of the two add up to more than 128 (255 * 128 < 2^15).
  bool saturates_pairs;
  // Items [first_item, last_item) of GemmItems(m, n), by Precision.
  void (*gemm[kNumPrecisions])(const GemmArgs& args, int first_item, int last_item);
  // x, [n], to nearest; padded with a zero if n is odd.
  void (*to_bfloat16)(const float* x, int n, uint16_t* out);
  // x, [n], to 8 bits, within half a scale.
  RowQuantization (*quantize)(const float* x, int n, uint8_t* out);
  void (*layer_norm)(const NormArgs& args);
  void (*rms_norm)(const NormArgs& args);
  void (*rotary)(const RotaryArgs& args);
  void (*attention)(const AttentionArgs& args);
  void (*store_kv)(const StoreKvArgs& args);
  void (*activate)(Activation activation, float* x, int n);  // In place.
  void (*soft_cap)(float cap, float* x, int n);              // cap * tanh(x / cap), in place.
};

// The best set that this CPU supports. Chosen at the first call.
const KernelTable& Kernels();

// Every set that this CPU supports, best first; null-terminated.
const KernelTable* const* SupportedKernels();

// The best set that the CPU supports but that is refused, and why; null if none.
const char* RefusedKernels();

extern const KernelTable kPortableKernels;
#if defined(__x86_64__)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx2VnniKernels;
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvx512VnniKernels;
extern const KernelTable kAvx512Bf16Kernels;
extern const KernelTable kAvx512AmxKernels;  // Only if Linux grants the tiles.
#elif defined(__aarch64__)
extern const KernelTable kNeonKernels;
extern const KernelTable kNeonDotprodKernels;
extern const KernelTable kNeonBf16Kernels;
#endif

}  // namespace chorus::runner
