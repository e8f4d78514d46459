#include "api_server/runners/endpoint_moves.h"

#include <algorithm>

namespace chorus::gateway {

EndpointMoves::EndpointMoves(const std::vector<std::string>& endpoints) {
  for (const std::string& endpoint : endpoints) entries_.push_back({endpoint});
}

void EndpointMoves::Set(const std::vector<std::string>& endpoints) {
  for (Entry& entry : entries_) {
    entry.leaving = std::ranges::find(endpoints, entry.endpoint) == endpoints.end();
  }
  for (const std::string& endpoint : endpoints) {
    if (!Has(endpoint)) entries_.push_back({.endpoint = endpoint, .waiting = true});
  }
}

std::vector<std::string> EndpointMoves::Leave(Serves serves) {
  for (Entry& entry : entries_) entry.waiting = entry.waiting && !serves(entry.endpoint);
  const auto is_listed = [](const Entry& entry) { return !entry.leaving; };
  const auto works = [&](const Entry& entry) { return is_listed(entry) && serves(entry.endpoint); };
  auto num_to_stay = std::ranges::count_if(
      entries_, [&](const Entry& entry) { return entry.waiting && is_listed(entry); });
  // Where none is new, those listed may have been lost.
  const bool any_works = std::ranges::any_of(entries_, works);
  if (num_to_stay == 0 && !any_works && std::ranges::any_of(entries_, is_listed)) num_to_stay = 1;
  std::vector<std::string> left;
  std::erase_if(entries_, [&](const Entry& entry) {
    if (!entry.leaving || (serves(entry.endpoint) && num_to_stay-- > 0)) return false;
    left.push_back(entry.endpoint);
    return true;
  });
  return left;
}

bool EndpointMoves::Has(const std::string& endpoint) const {
  return std::ranges::find(entries_, endpoint, &Entry::endpoint) != entries_.end();
}

std::vector<std::string> EndpointMoves::all() const {
  std::vector<std::string> endpoints;
  for (const Entry& entry : entries_) endpoints.push_back(entry.endpoint);
  return endpoints;
}

std::vector<std::string> EndpointMoves::awaited() const {
  std::vector<std::string> endpoints;
  for (const Entry& entry : entries_) {
    if (entry.waiting && !entry.leaving) endpoints.push_back(entry.endpoint);
  }
  return endpoints;
}

bool EndpointMoves::moving() const { return std::ranges::any_of(entries_, &Entry::leaving); }

}  // namespace chorus::gateway
