#pragma once

// A reply of HTTP/1.1 for Beast to read, whose body is handed on as it comes.
//
// Thread safety: none.

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

namespace chorus::bench {

struct PassedOnBody {
  using value_type = std::function<void(std::string_view bytes)>;

  class reader {
   public:
    template <bool kIsRequest, typename Fields>
    reader(boost::beast::http::header<kIsRequest, Fields>&, value_type& take) : take_(take) {}

    void init(const boost::optional<uint64_t>&, boost::system::error_code& error) { error = {}; }

    template <typename Buffers>
    size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      size_t size = 0;
      for (const boost::asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
        take_({static_cast<const char*>(buffer.data()), buffer.size()});
        size += buffer.size();
      }
      return size;
    }

    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& take_;
  };
};

class HttpReply : public boost::beast::http::response_parser<PassedOnBody> {
 public:
  using OnBody = std::function<void(int code, std::string_view bytes)>;

  // Of any length.
  explicit HttpReply(OnBody on_body) {
    // With none, Boost 1.74 refuses every length that comes in a read before the body's.
    body_limit(std::numeric_limits<uint64_t>::max());
    get().body() = [this, on_body = std::move(on_body)](std::string_view bytes) {
      on_body(code(), bytes);
    };
  }

  HttpReply(const HttpReply&) = delete;
  HttpReply& operator=(const HttpReply&) = delete;

  int code() const { return static_cast<int>(get().result_int()); }
};

}  // namespace chorus::bench
