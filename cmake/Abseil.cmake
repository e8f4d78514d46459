# What our code uses of Abseil.
add_library(abseil INTERFACE)
target_link_libraries(abseil INTERFACE absl::any_invocable absl::cord absl::flat_hash_map absl::flat_hash_set
  absl::function_ref absl::memory absl::random_random absl::span absl::status absl::statusor absl::str_format
  absl::strings absl::time)
