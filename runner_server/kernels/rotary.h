#pragma once

// Rotary positions (Su et al., 2021, arXiv:2104.09864), dimensions paired by halves as in GPT-NeoX:
// of each head, (x[i], x[half + i]) is turned by the angle whose cosine and sine are given. The
// dimensions from 2 half on stay.

namespace chorus::runner {

struct RotaryArgs {
  float* heads = nullptr;  // [num_heads, head_size], in place.
  int num_heads = 0;
  int head_size = 0;
  int half = 0;                    // At most head_size / 2.
  const float* cosines = nullptr;  // [half]
  const float* sines = nullptr;    // [half]
};

}  // namespace chorus::runner
