#include "api_server/front/event_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::StreamEvent Token(int index, const std::string& text, int num_tokens = 1) {
  v1::StreamEvent event;
  event.mutable_token()->set_index(index);
  event.mutable_token()->set_branch(std::string(1, static_cast<char>('a' + index)));
  event.mutable_token()->set_text(text);
  event.mutable_token()->set_num_tokens(num_tokens);
  return event;
}

v1::StreamEvent LastToken(int index) {
  v1::StreamEvent event = Token(index, "", 0);
  event.mutable_token()->set_finish_reason(v1::FINISH_REASON_STOP);
  return event;
}

v1::StreamEvent Score(int index) {
  v1::StreamEvent event;
  event.mutable_score()->set_index(index);
  return event;
}

// "a:text/2." is two tokens' text that ended; "score 1".
std::vector<std::string> Show(const EventQueue::Batch& batch) {
  std::vector<std::string> shown;
  for (const v1::StreamEvent& event : batch.events) {
    if (event.has_score()) {
      shown.push_back("score " + std::to_string(event.score().index()));
    } else {
      const v1::TokenEvent& token = event.token();
      shown.push_back(token.branch() + ":" + token.text() + "/" +
                      std::to_string(token.num_tokens()) + (token.has_finish_reason() ? "." : ""));
    }
  }
  return shown;
}

TEST(EventQueue, GivesEventsInOrder) {
  EventQueue queue;
  EXPECT_THAT(Show(queue.Take()), IsEmpty());
  queue.Push(Token(0, "x"));
  queue.Push(Score(0));
  const EventQueue::Batch batch = queue.Take();
  EXPECT_THAT(Show(batch), ElementsAre("a:x/1", "score 0"));
  EXPECT_FALSE(batch.end.has_value());
  queue.End(absl::UnavailableError("gone"));
  EXPECT_EQ(queue.Take().end, absl::UnavailableError("gone"));
}

TEST(EventQueue, PutsTheTextThatWaitsTogetherTextByText) {
  EventQueue queue;
  queue.Push(Token(0, "x"));
  queue.Push(Token(1, "1", 2));
  queue.Push(Token(0, "y", 3));
  queue.Push(LastToken(0));
  queue.Push(Score(0));
  queue.Push(Token(1, "2"));
  EXPECT_THAT(Show(queue.Take()), ElementsAre("a:xy/4.", "b:12/3", "score 0"));
  queue.Push(Token(1, "3"));
  EXPECT_THAT(Show(queue.Take()), ElementsAre("b:3/1"));
}

TEST(EventQueue, WakesTheReaderOnce) {
  EventQueue queue;
  int num_wakes = 0;
  queue.Wait([&] { ++num_wakes; });
  EXPECT_EQ(num_wakes, 0);
  queue.Push(Token(0, "x"));
  queue.Push(Token(0, "y"));
  EXPECT_EQ(num_wakes, 1);
  queue.Wait([&] { ++num_wakes; });  // There is something: at once.
  EXPECT_EQ(num_wakes, 2);
  queue.Take();
  queue.Wait([&] { ++num_wakes; });
  EXPECT_EQ(num_wakes, 2);
  queue.End(absl::OkStatus());
  EXPECT_EQ(num_wakes, 3);
}

TEST(EventQueue, LosesNothingBetweenThreads) {
  constexpr int kWriters = 3, kTokens = 5000;
  EventQueue queue;
  std::vector<std::thread> writers;
  std::atomic<int> num_left = kWriters;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kTokens; ++i) queue.Push(Token(w, std::string(1, 'a' + i % 26)));
      if (--num_left == 0) queue.End(absl::OkStatus());
    });
  }
  std::vector<std::string> texts(kWriters);
  for (bool ended = false; !ended;) {
    std::atomic<bool> ready = false;
    queue.Wait([&] {
      ready = true;
      ready.notify_one();
    });
    ready.wait(false);
    const EventQueue::Batch batch = queue.Take();
    for (const v1::StreamEvent& event : batch.events) {
      texts[event.token().index()] += event.token().text();
    }
    ended = batch.end.has_value();
  }
  for (std::thread& writer : writers) writer.join();
  for (const std::string& text : texts) {
    ASSERT_EQ(text.size(), static_cast<size_t>(kTokens));
    for (int i = 0; i < kTokens; ++i) ASSERT_EQ(text[i], 'a' + i % 26);
  }
}

}  // namespace
}  // namespace chorus::gateway
