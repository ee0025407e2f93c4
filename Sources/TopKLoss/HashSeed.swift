import CSystem

/// Stands in for libc's function, which only glibc 2.36 and later have: Swift's library would seed its hash tables with
/// it. This library makes no hash table, and so needs no seed.
@_cdecl("arc4random_buf")
public func arc4randomBuffer(_ buffer: UnsafeMutableRawPointer, _ count: Int) {
  memset(buffer, 0, count)
}
