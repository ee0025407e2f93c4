import CSystem

/// A whole number that threads share.
///
/// A static variable of this type is there when the library is loaded. One of the standard library's `Atomic` is made at
/// its first use, by one thread while others spin: for ever in the child of a fork that falls in between.
struct SharedNumber {
  private var value: Int

  init(_ value: Int = 0) { self.value = value }

  mutating func load() -> Int { system_load(&value) }

  mutating func store(_ new: Int) { system_store(&value, new) }

  mutating func exchange(_ new: Int) -> Int { system_exchange(&value, new) }

  /// Returns what it was before.
  mutating func add(_ addend: Int) -> Int { system_add(&value, addend) }

  mutating func clear(_ bits: Int) { system_clear(&value, bits) }

  /// Stores a number if the present one is the expected one. Returns what it was before.
  mutating func replace(_ expected: Int, with new: Int) -> Int {
    system_replace(&value, expected, new)
  }
}
