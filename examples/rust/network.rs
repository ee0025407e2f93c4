//! The model: the mean embedding of a name's n-grams, a hidden layer with a rectifier, and a last layer that gives
//! one logit a country. It knows nothing of the loss: whoever trains it hands it the gradient of the logits.

use crate::adam::{Pace, Parameter};
use crate::cities::{CityRows, BUCKETS};
use crate::random::Random;

const EMBEDDING_WIDTH: usize = 64;
const HIDDEN_WIDTH: usize = 128;
const NONE: usize = usize::MAX;

pub struct Network {
    pub outputs: usize,
    /// BUCKETS x EMBEDDING_WIDTH. A batch touches few of its rows, and its gradient has those only.
    embedding: Parameter,
    hidden: Linear,
    head: Linear,
    touched: Vec<usize>,
    /// The place of each bucket among those touched, or NONE.
    place: Vec<usize>,
    embedded: Vec<f32>,
    activations: Vec<f32>,
    steps: i32,
}

impl Network {
    /// Random weights.
    pub fn new(outputs: usize, seed: u64) -> Network {
        let mut random = Random(seed);
        Network {
            outputs,
            embedding: Parameter::new(BUCKETS * EMBEDDING_WIDTH, 0.1, &mut random),
            hidden: Linear::new(EMBEDDING_WIDTH, HIDDEN_WIDTH, 2.0, &mut random),
            head: Linear::new(HIDDEN_WIDTH, outputs, 1.0, &mut random),
            touched: Vec::new(),
            place: vec![NONE; BUCKETS],
            embedded: Vec::new(),
            activations: Vec::new(),
            steps: 0,
        }
    }

    /// Logits of these rows of a part, one row each.
    pub fn forward(&mut self, part: &CityRows, rows: &[usize], logits: &mut Vec<f32>) {
        self.embedded.clear();
        self.embedded.resize(rows.len() * EMBEDDING_WIDTH, 0.0);
        for (&row, mean) in rows.iter().zip(self.embedded.chunks_exact_mut(EMBEDDING_WIDTH)) {
            let share = 1.0 / part.ngrams[row].len() as f32;
            for &bucket in &part.ngrams[row] {
                add_scaled(mean, share, row_of(&self.embedding.value, bucket as usize));
            }
        }
        self.hidden.forward(&self.embedded, &mut self.activations);
        for activation in &mut self.activations {
            *activation = activation.max(0.0);
        }
        self.head.forward(&self.activations, logits);
    }

    /// Leaves every parameter's gradient in it, given that of the logits of the last forward.
    pub fn backward(&mut self, part: &CityRows, rows: &[usize], logits_gradient: &[f32]) {
        let mut hidden_gradient = self.head.backward(&self.activations, logits_gradient);
        for (gradient, &activation) in hidden_gradient.iter_mut().zip(&self.activations) {
            if activation <= 0.0 {
                *gradient = 0.0;
            }
        }
        let embedded_gradient = self.hidden.backward(&self.embedded, &hidden_gradient);
        self.embedding.gradient.clear();
        self.touched.clear();
        for (&row, upstream) in rows.iter().zip(embedded_gradient.chunks_exact(EMBEDDING_WIDTH)) {
            let share = 1.0 / part.ngrams[row].len() as f32;
            for &bucket in &part.ngrams[row] {
                let place = &mut self.place[bucket as usize];
                if *place == NONE {
                    *place = self.touched.len();
                    self.touched.push(bucket as usize);
                    let grown = self.embedding.gradient.len() + EMBEDDING_WIDTH;
                    self.embedding.gradient.resize(grown, 0.0);
                }
                let start = *place * EMBEDDING_WIDTH;
                let sum = &mut self.embedding.gradient[start..start + EMBEDDING_WIDTH];
                add_scaled(sum, share, upstream);
            }
        }
        for &bucket in &self.touched {
            self.place[bucket] = NONE;
        }
    }

    /// One update by Adam. The embedding's rows that the batch did not touch stay as they are.
    pub fn step(&mut self, learning_rate: f64) {
        self.steps += 1;
        let pace = Pace::new(learning_rate, self.steps);
        self.hidden.step(pace);
        self.head.step(pace);
        for (place, &bucket) in self.touched.iter().enumerate() {
            let gradient = place * EMBEDDING_WIDTH;
            self.embedding.step_part(bucket * EMBEDDING_WIDTH, gradient, EMBEDDING_WIDTH, pace);
        }
    }
}

fn row_of(table: &[f32], bucket: usize) -> &[f32] {
    &table[bucket * EMBEDDING_WIDTH..(bucket + 1) * EMBEDDING_WIDTH]
}

/// sum += factor * numbers: the one inner loop of all products here, which compilers turn into vector instructions.
fn add_scaled(sum: &mut [f32], factor: f32, numbers: &[f32]) {
    for (entry, number) in sum.iter_mut().zip(numbers) {
        *entry += factor * number;
    }
}

/// x W + b, with W of inputs x outputs.
struct Linear {
    inputs: usize,
    outputs: usize,
    weight: Parameter,
    bias: Parameter,
}

impl Linear {
    /// Weights of variance gain / inputs.
    fn new(inputs: usize, outputs: usize, gain: f64, random: &mut Random) -> Linear {
        let spread = (gain / inputs as f64).sqrt();
        Linear {
            inputs,
            outputs,
            weight: Parameter::new(inputs * outputs, spread, random),
            bias: Parameter::new(outputs, 0.0, random),
        }
    }

    fn forward(&self, inputs: &[f32], outputs: &mut Vec<f32>) {
        outputs.clear();
        for row in inputs.chunks_exact(self.inputs) {
            outputs.extend_from_slice(&self.bias.value);
            let start = outputs.len() - self.outputs;
            let sum = &mut outputs[start..];
            for (&input, weights) in row.iter().zip(self.weight.value.chunks_exact(self.outputs)) {
                if input != 0.0 {
                    add_scaled(sum, input, weights);
                }
            }
        }
    }

    /// Leaves the gradients of weight and bias in them, and returns that of the inputs.
    fn backward(&mut self, inputs: &[f32], upstream: &[f32]) -> Vec<f32> {
        self.weight.gradient.fill(0.0);
        self.bias.gradient.fill(0.0);
        for (row, gradient) in
            inputs.chunks_exact(self.inputs).zip(upstream.chunks_exact(self.outputs))
        {
            add_scaled(&mut self.bias.gradient, 1.0, gradient);
            let sums = self.weight.gradient.chunks_exact_mut(self.outputs);
            for (&input, sum) in row.iter().zip(sums) {
                if input != 0.0 {
                    add_scaled(sum, input, gradient);
                }
            }
        }
        let mut transposed = vec![0.0; self.weight.value.len()];
        for (i, weights) in self.weight.value.chunks_exact(self.outputs).enumerate() {
            for (j, &weight) in weights.iter().enumerate() {
                transposed[j * self.inputs + i] = weight;
            }
        }
        let mut inputs_gradient = vec![0.0; inputs.len()];
        for (sum, gradient) in
            inputs_gradient.chunks_exact_mut(self.inputs).zip(upstream.chunks_exact(self.outputs))
        {
            for (&factor, weights) in gradient.iter().zip(transposed.chunks_exact(self.inputs)) {
                add_scaled(sum, factor, weights);
            }
        }
        inputs_gradient
    }

    fn step(&mut self, pace: Pace) {
        self.weight.step(pace);
        self.bias.step(pace);
    }
}
