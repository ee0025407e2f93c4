// The library itself: versions, the instruction set, threads, memory.
#ifndef TOPKLOSS_LIBRARY_HPP
#define TOPKLOSS_LIBRARY_HPP

#include <cstdint>

#include "error.hpp"

namespace topkloss {

/// Version of the library that was loaded, "major.minor.patch". Static.
inline const char *version() noexcept { return topkloss_version(); }

/// ABI version of the library that was loaded; TOPKLOSS_ABI_VERSION is that of the header.
inline std::int32_t abi_version() noexcept { return topkloss_abi_version(); }

/// The instruction set in use: "avx512", "avx2", "portable" or "neon". Static.
inline const char *simd() noexcept { return topkloss_simd(); }

/// Sets how many threads one call may use, the calling thread included: 1 to 1024, or 0 for the default.
inline void set_num_threads(std::int32_t count) { detail::check(topkloss_set_num_threads(count)); }

/// How many threads one call may use, the calling thread included.
inline std::int32_t get_num_threads() noexcept { return topkloss_get_num_threads(); }

/// Gives back the working memory that threads keep for their next calls.
inline void trim() noexcept { topkloss_trim(); }

}  // namespace topkloss

#endif  // TOPKLOSS_LIBRARY_HPP
