import CGPU

// What kernels take of libm elsewhere, in float64, once a row and in all threads alike.

/// e^x, within an ulp or two; 0 below the smallest normal number.
func exp(_ x: Double) -> Double {
  if x.isNaN { return x }
  if x > 709.7 { return .infinity }
  if x < -708 { return 0 }
  let shifter = 0x1.8p52
  let shifted = gpu_fma_f64(x, 1.442_695_040_888_963_4, shifter)
  let n = shifted - shifter
  var r = gpu_fma_f64(n, -0.693_147_180_369_123_816_490, x)
  r = gpu_fma_f64(n, -1.908_214_929_270_587_700_02e-10, r)
  var p = 1 / 6_227_020_800.0
  p = gpu_fma_f64(p, r, 1 / 479_001_600)
  p = gpu_fma_f64(p, r, 1 / 39_916_800)
  p = gpu_fma_f64(p, r, 1 / 3_628_800)
  p = gpu_fma_f64(p, r, 1 / 362_880)
  p = gpu_fma_f64(p, r, 1 / 40_320)
  p = gpu_fma_f64(p, r, 1 / 5_040)
  p = gpu_fma_f64(p, r, 1 / 720)
  p = gpu_fma_f64(p, r, 1 / 120)
  p = gpu_fma_f64(p, r, 1 / 24)
  p = gpu_fma_f64(p, r, 1 / 6)
  p = gpu_fma_f64(p, r, 0.5)
  p = gpu_fma_f64(p, r * r, r) + 1
  // In two steps: 2^1024 is no number.
  let n12 = Int64(bitPattern: shifted.bitPattern) &<< 12
  let whole = n12 &>> 12
  let half = whole &>> 1
  return p * powerOfTwo(half) * powerOfTwo(whole &- half)
}

@inline(__always)
private func powerOfTwo(_ n: Int64) -> Double {
  Double(bitPattern: UInt64(bitPattern: n &+ 1023) &<< 52)
}

/// ln x = n ln 2 + 2 artanh((m − 1) / (m + 1)), m from √½ to √2.
func log(_ x: Double) -> Double {
  if !(x > 0) { return x == 0 ? -.infinity : .nan }
  if x == .infinity { return x }
  let isSmall = x < 0x1p-1022
  let bits = (isSmall ? x * 0x1p54 : x).bitPattern
  // √½'s upper bits, so that n is raised by one where m would be above √2.
  let moved = bits &+ (0x3FF0_0000_0000_0000 &- 0x3FE6_A09E_0000_0000)
  let n = Double(Int64(moved &>> 52) &- 1023 &- (isSmall ? 54 : 0))
  let m = Double(bitPattern: (moved & 0xF_FFFF_FFFF_FFFF) &+ 0x3FE6_A09E_0000_0000)
  return gpu_fma_f64(
    n, 0.693_147_180_369_123_816_490,
    gpu_fma_f64(n, 1.908_214_929_270_587_700_02e-10, twiceArtanh((m - 1), over: m + 1)))
}

/// ln(1 + x) for 0 <= x <= 1.
func log1p(_ x: Double) -> Double { twiceArtanh(x, over: x + 2) }

/// 2 artanh(a / b) for |a / b| <= 1/3: 2 (s + s³/3 + s⁵/5 + …).
private func twiceArtanh(_ a: Double, over b: Double) -> Double {
  let s = a / b
  let square = s * s
  var q = 0.177_397_458_059_588_963_8
  q = gpu_fma_f64(q, square, 0.099_028_265_868_233_650_45)
  q = gpu_fma_f64(q, square, 0.135_863_132_816_457_449)
  q = gpu_fma_f64(q, square, 0.153_642_956_104_513_017_6)
  q = gpu_fma_f64(q, square, 0.181_828_140_684_189_309_2)
  q = gpu_fma_f64(q, square, 0.222_221_929_047_545_587_6)
  q = gpu_fma_f64(q, square, 0.285_714_290_579_961_436_8)
  q = gpu_fma_f64(q, square, 0.399_999_999_960_497_048_1)
  q = gpu_fma_f64(q, square, 0.666_666_666_666_776_944_2)
  return gpu_fma_f64(s, q * square, s + s)
}

/// x^y for 0 <= x <= 1 and y > 0.
func pow(_ x: Double, _ y: Double) -> Double { x == 0 ? 0 : exp(y * log(x)) }
