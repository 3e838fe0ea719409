//! How many CPUs this container may use: what `auto` workers become.

/// At least 1. `std` honours the affinity mask and the quota of cgroups v1 and v2, rounded down.
pub(crate) fn count() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}
