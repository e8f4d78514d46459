#pragma once

// One call of a load: what is asked, and what came of it when.
//
// All times are MonotonicNow()'s; zero where it has not happened.
//
// Thread safety: values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace chorus::bench {

struct Call {
  absl::Duration due;  // When it is to be sent, from the load's beginning; zero in a closed loop.
  std::string text;    // The prompt, or the text to classify or embed.
  std::optional<uint32_t> output_tokens;  // The most to write; unset: as the server likes.
  uint32_t seed = 0;
};

enum class Outcome {
  kOk,
  kRefused,     // The server said that it is at its limit, or not there: 429, 503.
  kTimedOut,    // Not answered in time, by the server's clock or by ours.
  kFailed,      // Anything else.
  kUnfinished,  // Given up because the load was interrupted.
};

// What a code of HTTP, or the one in a stream's error event, means.
Outcome OutcomeOfHttp(int code);

// When the parts of one text of a streamed reply came.
struct TextTimes {
  std::string branch;
  uint32_t index = 0;  // Its place in the reply.
  absl::Duration first_token, last_token, scored;
  uint32_t num_tokens = 0;
};

// Tokens that came together are taken to have come one after the other since the ones before them.
struct TokenGap {
  uint32_t text;  // Place in `texts`.
  float seconds;  // Between two of them.
  uint32_t count;
};

struct CallRecord {
  absl::Duration due;   // When it should have been sent: latencies count from here.
  absl::Duration sent;  // When it was.
  absl::Duration end;
  Outcome outcome = Outcome::kFailed;
  std::string status;       // "200", "429", "UNAVAILABLE", "Connection refused".
  std::string message;      // The server's, where it failed.
  uint32_t num_tokens = 0;  // New ones of all texts, as far as the reply tells.
  std::vector<TextTimes> texts;
  std::vector<TokenGap> gaps;

  void OnTokens(std::string_view branch, uint32_t index, uint32_t count, absl::Duration now);
  void OnScore(std::string_view branch, uint32_t index, absl::Duration now);
  void Fail(Outcome why, std::string with_status, std::string with_message);

 private:
  TextTimes& Text(std::string_view branch, uint32_t index);
};

}  // namespace chorus::bench
