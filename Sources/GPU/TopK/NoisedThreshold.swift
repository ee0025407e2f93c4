import CGPU

/// A threshold, and how likely a score is to be above it with noise.
protocol NoisedThreshold {
  /// How far above it a class that is not of the strongest may be for its share to matter: beyond, the rank is never so low.
  static var furthest: Double { get }

  /// Odds so small that with those of other such classes they may enter by their sum and that of their squares.
  var small: Double { get }

  /// - Parameter distance: how far the score is above the threshold, in units of ε.
  func factor(_ distance: Double) -> ClassFactor
}

/// What a class brings to the distribution of how many are above a threshold: the factor q + p x.
struct ClassFactor {
  let below: Double
  let above: Double
  /// φ(distance) over `scale` and e^`exponent`.
  let density: Double
  /// What the class's true factor is times this one: `scale` · e^`exponent`, the scale no further from 1 than 10^±6.
  let scale: Double
  let exponent: Double
}

/// As it is.
struct PlainThreshold: NoisedThreshold {
  @inline(__always)
  static var furthest: Double { 8 }
  @inline(__always)
  var small: Double { 1e-4 }

  @inline(__always)
  func factor(_ distance: Double) -> ClassFactor {
    let point = NormalPoint(Float(min(abs(distance), 20)))
    let isAbove = distance > 0
    let (tail, rest) = (point.tail, 1 - point.tail)
    return ClassFactor(
      below: isAbove ? tail : rest, above: isAbove ? rest : tail,
      density: Double(point.density), scale: 1, exponent: 0)
  }
}

/// Exponentially tilted: x stands for x / u, and q + p u is divided out,
///
///   q + p u x = (q + p u) (q' + p' x),   p' = p u / (q + p u),
///
/// so that what is small is in the logarithm of Π_j (q_j + p_j u). With u = 1 / (m o), o = p / q the odds of the class that
/// holds the rank and m the number of classes, those below it are less than one above together, and
/// P'(N = rank − 1) is at least m^(1 − rank): a number, whatever the logits. u is never above 1.
///
/// Every coefficient counts, be it so small; odds are small beside those of the class at the rank: cubes of 10^-5, in
/// place of any three of 15 stronger classes.
struct TiltedThreshold: NoisedThreshold {
  @inline(__always)
  static var furthest: Double { .infinity }

  /// log u.
  let logTilt: Double
  let tilt: Double
  let small: Double

  @inline(__always)
  init(tilt: UnsafeMutablePointer<Double>) { (logTilt, self.tilt, small) = (tilt[0], tilt[1], 0) }

  /// - Parameters:
  ///   - distance: of the score that holds the rank.
  ///   - logClasses: log_2 m.
  @inline(__always)
  init(distance: Double, logClasses: Double) {
    let point = NormalPoint(Float(abs(distance)))
    let isAbove = distance > 0
    let tail = isAbove ? Double(point.ratio) * 0.398_942_280_401_432_7 : point.tail
    let odds = tail / (1 - point.tail)
    let logOdds = isAbove ? 0.5 * distance * distance - log(odds) : log(odds)
    logTilt = min(0, -logOdds - logClasses * 0.693_147_180_559_945_3)
    tilt = exp(logTilt)
    let perClass = Double(gpu_exp2(Float(-logClasses)))
    small = 1e-5 * (isAbove ? perClass : min(odds, perClass))
  }

  @inline(__always)
  func factor(_ distance: Double) -> ClassFactor {
    let point = NormalPoint(Float(abs(distance)))
    let (tail, rest) = (point.tail, 1 - point.tail)
    if !(distance > 0) {
      let above = tail * tilt
      let scale = rest + above
      let inverse = 1 / scale
      return ClassFactor(
        below: rest * inverse, above: above * inverse, density: Double(point.density) * inverse,
        scale: scale, exponent: 0)
    }
    // q = e^(−distance² / 2) · `ratio`.
    let ratio = Double(point.ratio) * 0.398_942_280_401_432_7
    let logDensity = -0.5 * distance * distance
    let exponent = logDensity - logTilt
    let power = Double(deviceExponential(-abs(exponent)))
    let isTilted = exponent <= 0
    let odd = isTilted ? power * ratio : rest * power / ratio
    let scale = (isTilted ? rest : 1) + odd
    let inverse = 1 / scale
    let below = (isTilted ? odd : 1) * inverse
    return ClassFactor(
      below: below, above: (isTilted ? rest : odd) * inverse, density: below / Double(point.ratio),
      scale: isTilted ? scale : ratio * scale, exponent: isTilted ? logTilt : logDensity)
  }
}
