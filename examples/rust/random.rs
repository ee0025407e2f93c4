//! Random numbers: SplitMix64, and Box and Muller's normal numbers from it.

pub struct Random(pub u64);

impl Random {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Uniform in (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.word() >> 11) as f64 + 1.0) / 9_007_199_254_740_992.0
    }

    pub fn normal(&mut self) -> f64 {
        let length = (-2.0 * self.unit().ln()).sqrt();
        length * (2.0 * std::f64::consts::PI * self.unit()).cos()
    }

    /// Fisher and Yates.
    pub fn shuffle(&mut self, order: &mut [usize]) {
        for end in (2..=order.len()).rev() {
            order.swap(end - 1, (self.word() % end as u64) as usize);
        }
    }
}
