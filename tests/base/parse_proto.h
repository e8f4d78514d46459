#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus {

// A message in protobuf's text format: ParseProto<v1::GenerationParams>("top_k: 3 temperature:
// 0.5").
template <typename Message>
Message ParseProto(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

}  // namespace chorus
