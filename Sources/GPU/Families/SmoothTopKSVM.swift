import CDevice
import CGPU

// The smooth top-K SVM (Sources/Kernels/SmoothTopKSVM has the loss), a block a row, for any element type.
//
// Odds are o_j = exp((z_j − c) / (k τ)), c the k-th largest of the rivals' logits, so that σ_r is no more than a power of the
// number of classes: nothing overflows. The k strongest rivals, o_j >= 1, are factors 1 − p + p x with p = o / (1 + o); they
// leave σ_k and σ_{k−1}, but for a common factor, above 2^−k. Of the others, factors 1 + o x, every thread multiplies its
// own, then the block those of its threads.
//
// The gradient needs σ_{k−1} and σ_{k−2} without each rival. For the k strongest the product of the others is made anew. For
// another, σ_r(without j) = σ_r − o_j σ_{r−1}(without j): as k rivals are as strong or stronger, that ratio to σ_r is at most
// r / (k − r + 1), and of rounding errors no more than 10^3 times comes through.
//
// Shared memory: TOPK_DEVICE_REDUCTION_BYTES + 5120, whatever the threads. Scratch: rows of 16-bit elements alone.

@c(topk_smooth_topk_svm)
public func smoothTopKSVM(_ call: UnsafePointer<TopkDeviceCall>) {
  evaluateWidenedRows(call) { row in
    SmoothTopKSVMOfRow(call.pointee.smooth_topk_svm, row, call.classCount).evaluate()
  }
}

private struct SmoothTopKSVMOfRow {
  let loss: DeviceSmoothTopKSVM
  let row: CallRow<Float>
  let classes: Int
  private let k: Int
  private let memory: Memory

  /// Of the block, for k up to 16.
  private struct Memory {
    let keys = gpu_shared() + Block.reductionBytes
    /// p and 1 − p of the strongest.
    var above: UnsafeMutablePointer<Double> { numbers + 16 }
    var below: UnsafeMutablePointer<Double> { numbers + 32 }
    var factors: UnsafeMutablePointer<Double> { numbers + 48 }
    /// A polynomial a warp, and one more; then those without each of the strongest, and the product.
    func polynomial(_ place: Int) -> UnsafeMutablePointer<Double> {
      numbers + 64 + place &* RankPolynomial.stride
    }
    private var numbers: UnsafeMutablePointer<Double> { keys.assumingMemoryBound(to: Double.self) }
  }

  @inline(__always)
  init(_ loss: DeviceSmoothTopKSVM, _ row: CallRow<Float>, _ classes: Int) {
    (self.loss, self.row, self.classes) = (loss, row, classes)
    k = Int(loss.k)
    memory = Memory()
  }

  @inline(__always)
  func evaluate() -> Double {
    // Before its place is written to.
    let own = Double(row.logits[row.label])
    let strongest = StrongestClasses(
      row.logits, classes, except: row.label, count: k, memory.keys)
    let center = strongest.score(k &- 1)
    if strongest.isBad || center == -.infinity {
      // A row with fewer than k rivals loses nothing.
      let number: Float = strongest.isBad ? .nan : 0
      clear(row.gradient, classes, to: number)
      return Double(number)
    }
    let odds = Odds(center: center, perUnit: 1 / (Double(k) * loss.tau))
    if Block.place < k {
      let u = (Double(strongest.score(Block.place)) - Double(center)) / (Double(k) * loss.tau)
      memory.above[Block.place] = 1 / (1 + exp(-u))
      memory.below[Block.place] = 1 / (1 + exp(u))
    }
    multiplyWeak(strongest, odds)
    multiplyStrong()
    let sigma = memory.polynomial(k)
    let term = SmoothTopKSVMTerm(
      k: loss.k, tau: loss.tau, alpha: loss.alpha, center: Double(center), own: own,
      logRatio: log(sigma[k] / sigma[k &- 1]))
    if let gradient = row.gradient {
      writeGradient(gradient, strongest, odds, weight: row.gradientScale * term.share / Double(k))
    }
    return term.value
  }

  /// Leaves the product of the others in the polynomial behind the warps'.
  @inline(__always)
  private func multiplyWeak(_ strongest: StrongestClasses, _ odds: Odds) {
    var polynomial = RankPolynomial(degree: k)
    var index = Block.place
    while index < classes {
      let score = row.logits[index]
      if index != row.label && !strongest.has(index, score) {
        polynomial.multiply(1, Double(odds.of(score)))
      }
      index &+= Block.width
    }
    let warp = Block.place &>> 5
    var isOfBlock = false
    while true {
      var distance: UInt32 = 16
      while distance > 0 {
        polynomial.multiply(polynomial.shuffled(distance))
        distance &>>= 1
      }
      // Factors come in another order in every thread: the first one's product counts.
      if Warp.place == 0 && (!isOfBlock || warp == 0) {
        polynomial.store(memory.polynomial(isOfBlock ? 32 : warp))
      }
      Block.barrier()
      if isOfBlock { return }
      isOfBlock = true
      polynomial =
        Warp.place < Block.width &>> 5
        ? RankPolynomial(memory.polynomial(Warp.place), degree: k) : RankPolynomial(degree: k)
    }
  }

  /// Multiplies the strongest on: all of them, and all but each.
  @inline(__always)
  private func multiplyStrong() {
    if Block.place <= k {
      var polynomial = RankPolynomial(memory.polynomial(32), degree: k)
      var place = 0
      while place < k {
        if place != Block.place { polynomial.multiply(memory.below[place], memory.above[place]) }
        place &+= 1
      }
      polynomial.store(memory.polynomial(Block.place))
    }
    Block.barrier()
  }

  /// weight · (π_k(j) − π_{k−1}(j)), π_r(j) = o_j σ_{r−1}(without j) / σ_r, and −weight for the label.
  @inline(__always)
  private func writeGradient(
    _ gradient: UnsafeMutablePointer<Float>, _ strongest: StrongestClasses, _ odds: Odds,
    weight: Double
  ) {
    let sigma = memory.polynomial(k)
    let (more, fewer) = (weight / sigma[k], weight / sigma[k &- 1])
    if Block.place < k {
      // σ_{r−1} without j is Σ_i (−o)^i σ_{r−1−i}.
      let (i, rest) = (Block.place, k &- 1 &- Block.place)
      let factor = sigma[rest] * more - (rest > 0 ? sigma[rest &- 1] * fewer : 0)
      memory.factors[i] = i & 1 == 0 ? factor : -factor
    }
    Block.barrier()
    var index = Block.place
    while index < classes {
      let score = row.logits[index]
      if index == row.label {
        gradient[index] = Float(-weight)
      } else if !strongest.has(index, score) {
        let o = Double(odds.of(score))
        var sum = 0.0
        var i = k
        while i > 0 {
          i &-= 1
          sum = gpu_fma_f64(sum, o, memory.factors[i])
        }
        gradient[index] = Float(o * sum)
      }
      index &+= Block.width
    }
    // Their places may be those of the logits, which have been read now.
    Block.barrier()
    if Block.place < k {
      let others = memory.polynomial(Block.place)
      let ofFewer = k > 1 ? others[k &- 2] * fewer : 0
      gradient[strongest.classAt(Block.place)] =
        Float(memory.above[Block.place] * (others[k &- 1] * more - ofFewer))
    }
  }
}

/// exp((z − c) / unit) for z up to c.
private struct Odds {
  private let center: Float
  private let factor: Float
  private let rest: Float
  private let least: Float

  @inline(__always)
  init(center: Float, perUnit: Double) {
    let exact = perUnit * 1.442_695_040_888_963_4
    self.center = center
    factor = Float(exact)
    rest = Float(exact - Double(factor))
    least = Float(-126 / exact)
  }

  @inline(__always)
  func of(_ score: Float) -> Float { deviceExponential(score - center, factor, rest, least) }
}
