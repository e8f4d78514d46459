#pragma once

namespace chorus {

// Most texts of one call that classifies them: the gateway's limit, and each runner's.
inline constexpr int kMaxTexts = 1024;

}  // namespace chorus
