//! The wrapper against formulas written out, and what it refuses.

use crate::topkloss::{topk_accuracy, Average, Estimator, Labels, Loss};

const SCORES: [f64; 6] = [1.0, 2.0, 3.0, 0.5, 0.25, -1.0];
const LABELS: [i64; 2] = [2, 1];

fn labels(labels: &[i64]) -> Labels<'_> {
    Labels { labels, classes: 3, step: 0 }
}

/// Mean cross-entropy of scores plus offsets, and its gradient, written out.
fn formula(offsets: [f64; 3]) -> (f64, Vec<f64>) {
    let mut value = 0.0;
    let mut gradient = Vec::new();
    for (row, &label) in SCORES.chunks(3).zip(&LABELS) {
        let shares: Vec<f64> = row.iter().zip(offsets).map(|(z, a)| (z + a).exp()).collect();
        let sum: f64 = shares.iter().sum();
        value -= (shares[label as usize] / sum).ln() / 2.0;
        for (j, share) in shares.iter().enumerate() {
            let target = if j == label as usize { 1.0 } else { 0.0 };
            gradient.push((share / sum - target) / 2.0);
        }
    }
    (value, gradient)
}

fn expect_formula(loss: &Loss, offsets: [f64; 3]) {
    let (value, gradient) = formula(offsets);
    let mut found = [0.0; 6];
    let apart = loss.value_and_gradient(&SCORES, labels(&LABELS), &mut found).unwrap();
    let mut in_place = SCORES;
    let same = loss.value_and_gradient_in_place(&mut in_place, labels(&LABELS)).unwrap();
    assert!((apart - value).abs() < 1e-13 && apart == same);
    assert_eq!(found, in_place);
    for (a, b) in found.iter().zip(&gradient) {
        assert!((a - b).abs() < 1e-13, "{} and {}", a, b);
    }
}

#[test]
fn losses_agree_with_their_formulas() {
    expect_formula(&Loss::cross_entropy().unwrap(), [0.0; 3]);
    let counts = [60.0, 30.0, 10.0];
    let offsets = counts.map(|count: f64| 0.5 * (count / 100.0).ln());
    expect_formula(&Loss::logit_adjusted(&counts, 0.5).unwrap(), offsets);
}

#[test]
fn top_k_without_noise_is_the_hinge() {
    // Rank 2 is 2.0 and 0.25: hinges 1 + 2 - 3 = 0 and 1 + 0.25 - 0.25 = 1.
    for estimator in [Estimator::MonteCarlo, Estimator::Exact] {
        let loss = Loss::noised_topk(1, 0.0, estimator).unwrap();
        let mut scores = SCORES;
        let value = loss.value_and_gradient_in_place(&mut scores, labels(&LABELS)).unwrap();
        assert_eq!(value, 0.5);
    }
}

#[test]
fn accuracies_count_rows_and_classes() {
    let scores: [f32; 9] = [3.0, 2.0, 1.0, 3.0, 2.0, 1.0, 3.0, 2.0, 1.0];
    let of = |k, average| topk_accuracy(&scores, labels(&[0, 0, 1]), k, average).unwrap();
    assert!((of(1, Average::Micro) - 2.0 / 3.0).abs() < 1e-15);
    assert_eq!(of(1, Average::Macro), 0.5);
    assert_eq!(of(2, Average::Micro), 1.0);
}

#[test]
fn errors_have_the_library_s_words() {
    let loss = Loss::cross_entropy().unwrap();
    let error = loss.value_and_gradient_in_place(&mut [0.0f32; 3], labels(&[7])).unwrap_err();
    assert_eq!(error.status, "TOPKLOSS_ERROR_LABEL");
    assert!(error.to_string().contains('7'), "{}", error);
    let refused = Loss::logit_adjusted(&[1.0, 0.0], 1.0).err().unwrap();
    assert_eq!(refused.status, "TOPKLOSS_ERROR_CLASS_COUNT");
}

#[test]
fn short_slices_are_errors() {
    let loss = Loss::cross_entropy().unwrap();
    let short = loss.value_and_gradient(&SCORES[..5], labels(&LABELS), &mut [0.0; 5]);
    assert_eq!(short.unwrap_err().message, "scores has 5 entries, not 6");
    let short = loss.value_and_gradient(&SCORES, labels(&LABELS), &mut [0.0; 5]);
    assert_eq!(short.unwrap_err().message, "gradient has 5 entries, not 6");
    let huge = Labels { labels: &LABELS, classes: usize::MAX, step: 0 };
    assert!(topk_accuracy(&SCORES, huge, 1, Average::Micro).is_err());
}

#[test]
fn threads_share_a_loss() {
    let loss = Loss::cross_entropy().unwrap();
    let alone = loss.value_and_gradient_in_place(&mut SCORES.clone(), labels(&LABELS));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut scores = SCORES;
                let value = loss.value_and_gradient_in_place(&mut scores, labels(&LABELS));
                assert_eq!(value, alone);
            });
        }
    });
}
