#pragma once

// What every tokenizer promises, whatever file it comes from.

#include "runner_server/tokenizer/tokenizer.h"

namespace chorus {

void CheckTokenizer(const runner::Tokenizer& tokenizer);

}  // namespace chorus
