//! Adam (Kingma and Ba, ICLR 2015), which can also move a part of a parameter alone.

use crate::random::Random;

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;

/// Both corrections of the zero start, taken out of the loop over entries:
/// (m / c1) / (sqrt(v / c2) + e) = (sqrt(c2) / c1) m / (sqrt(v) + e sqrt(c2)).
#[derive(Clone, Copy)]
pub struct Pace {
    rate: f32,
    floor: f32,
}

impl Pace {
    /// step: from 1.
    pub fn new(learning_rate: f64, step: i32) -> Pace {
        let first = 1.0 - f64::from(FIRST_DECAY).powi(step);
        let second = (1.0 - f64::from(SECOND_DECAY).powi(step)).sqrt();
        Pace { rate: (learning_rate * second / first) as f32, floor: (1e-8 * second) as f32 }
    }
}

/// Numbers to be learned, their gradient, and the running means of the gradient and of its square.
pub struct Parameter {
    pub value: Vec<f32>,
    pub gradient: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Parameter {
    /// Normal numbers of this spread; 0: zeros.
    pub fn new(count: usize, spread: f64, random: &mut Random) -> Parameter {
        let mut draw = || if spread > 0.0 { (spread * random.normal()) as f32 } else { 0.0 };
        Parameter {
            value: (0..count).map(|_| draw()).collect(),
            gradient: vec![0.0; count],
            first: vec![0.0; count],
            second: vec![0.0; count],
        }
    }

    pub fn step(&mut self, pace: Pace) {
        self.step_part(0, 0, self.value.len(), pace);
    }

    /// Moves `count` entries from `at` on, whose gradient begins at `gradient_at`.
    pub fn step_part(&mut self, at: usize, gradient_at: usize, count: usize, pace: Pace) {
        let values = &mut self.value[at..at + count];
        let gradients = &self.gradient[gradient_at..gradient_at + count];
        let firsts = &mut self.first[at..at + count];
        let seconds = &mut self.second[at..at + count];
        for (((value, &gradient), first), second) in
            values.iter_mut().zip(gradients).zip(firsts).zip(seconds)
        {
            *first += (1.0 - FIRST_DECAY) * (gradient - *first);
            *second += (1.0 - SECOND_DECAY) * (gradient * gradient - *second);
            *value -= pace.rate * *first / (second.sqrt() + pace.floor);
        }
    }
}
