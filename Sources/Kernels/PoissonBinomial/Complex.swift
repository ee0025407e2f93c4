import CSystem

/// A complex number.
struct Complex {
  let real: Double
  let imaginary: Double

  @inline(__always)
  init(_ real: Double, _ imaginary: Double) {
    self.real = real
    self.imaginary = imaginary
  }

  /// e^{i · angle}
  init(turn angle: Double) { self.init(cos(angle), sin(angle)) }

  @inline(__always)
  static func * (a: Complex, b: Complex) -> Complex {
    Complex(
      a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real)
  }
}

/// Complex numbers in memory, real and imaginary parts apart.
struct ComplexNumbers {
  private let real: UnsafeMutablePointer<Double>
  private let imaginary: UnsafeMutablePointer<Double>

  /// - Parameter memory: room for twice `count`.
  @inline(__always)
  init(_ memory: UnsafeMutablePointer<Double>, _ count: Int) {
    real = memory
    imaginary = memory + count
  }

  @inline(__always)
  subscript(index: Int) -> Complex {
    get { Complex(real[index], imaginary[index]) }
    nonmutating set {
      real[index] = newValue.real
      imaginary[index] = newValue.imaginary
    }
  }
}
