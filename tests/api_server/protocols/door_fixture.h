#pragma once

// A protocol's handler over the front of FrontFixture.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "api_server/front/http_handler.h"
#include "tests/api_server/front/front_fixture.h"

namespace chorus::gateway {

class DoorFixture : public FrontFixture {
 protected:
  virtual const HttpHandler& door() const = 0;

  // As a session does; a reply that comes later is in later_.
  std::optional<HttpReply> Ask(HttpRequest request, Call call = {}) {
    later_.reset();
    HttpRoute route = door().Match(request);
    if (!route.refusal.ok()) return door().ErrorReply(route.refusal, "id");
    call.request_id = "id";
    const absl::Status status =
        std::move(route.handle)(std::move(request), std::move(call),
                                [this](HttpReply reply) { later_ = std::move(reply); });
    if (!status.ok()) return door().ErrorReply(status, "id");
    return std::exchange(later_, std::nullopt);
  }
  std::optional<HttpReply> Get(std::string target) {
    return Ask({.method = "GET", .target = std::move(target)});
  }
  std::optional<HttpReply> Post(std::string target, const nlohmann::json& body) {
    return Ask({.method = "POST", .target = std::move(target), .body = body.dump()});
  }
  static nlohmann::json Body(const std::optional<HttpReply>& reply) {
    return reply.has_value() ? nlohmann::json::parse(reply->body) : nlohmann::json("no reply");
  }

  std::optional<HttpReply> later_;
};

}  // namespace chorus::gateway
