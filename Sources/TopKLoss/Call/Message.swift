/// The text of a failure, as a literal with values in it. Of its own type, for each piece of a `String` is put together in
/// the very place: hundreds of bytes of code, where here it is a call.
struct Message: ExpressibleByStringInterpolation {
  private(set) var text: String

  @inline(never)
  init(stringLiteral literal: StaticString) {
    self.init(stringInterpolation: Pieces(literal))
  }

  init(stringInterpolation pieces: Pieces) { text = pieces.text }

  @inline(never)
  static func + (first: Message, second: Message) -> Message {
    var both = first
    both.text += second.text
    return both
  }

  struct Pieces: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) {}

    fileprivate init(_ literal: StaticString) { appendLiteral(literal) }

    @inline(never)
    mutating func appendLiteral(_ literal: StaticString) {
      text += String(cString: literal.cString)
    }

    mutating func appendInterpolation(_ name: StaticString) { appendLiteral(name) }

    @inline(never)
    mutating func appendInterpolation(_ words: String) { text += words }

    @inline(never)
    mutating func appendInterpolation(_ number: Int64) { text += number.description }

    mutating func appendInterpolation(_ number: Int) { appendInterpolation(Int64(number)) }

    mutating func appendInterpolation(_ number: Int32) { appendInterpolation(Int64(number)) }

    @inline(never)
    mutating func appendInterpolation(_ number: UInt) { text += number.description }
  }
}
