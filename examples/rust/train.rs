//! Which country is a city in? A training loop with a topkloss loss plugged in: see README.md.

mod adam;
mod cities;
mod ffi;
mod network;
mod random;
mod topkloss;
#[cfg(test)]
mod topkloss_tests;

use cities::{Cities, CityRows};
use network::Network;
use random::Random;
use std::error::Error;
use std::ffi::OsString;
use std::io::{stderr, stdout, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use topkloss::{topk_accuracy, Average, Estimator, Labels, Loss};

const BATCH_ROWS: usize = 256;
const EPOCHS: usize = 6;
const QUICK_EPOCHS: usize = 2;
const LEARNING_RATE: f64 = 0.003;
const LEARNING_RATE_DECAY: f64 = 0.7;
const USAGE: &str = "usage: train [--loss NAME] [--quick] CITIES.TSV
  --loss   cross-entropy, logit-adjusted, noised-top5 or noised-top5-exact
  --quick  one name in four, 2 epochs: just to see it run";

extern "C" {
    fn isatty(descriptor: i32) -> i32;
}

fn make_loss(name: &str, counts: &[f64]) -> Result<Loss, Box<dyn Error>> {
    let made = match name {
        "cross-entropy" => Loss::cross_entropy(),
        "logit-adjusted" => Loss::logit_adjusted(counts, 0.5),
        "noised-top5" => Loss::noised_topk(5, 0.3, Estimator::MonteCarlo),
        "noised-top5-exact" => Loss::noised_topk(5, 0.3, Estimator::Exact),
        _ => return Err(format!("no loss is called {}\n{}", name, USAGE).into()),
    };
    Ok(made?)
}

/// Trains the network, and returns the time that the loss took.
fn train(
    network: &mut Network,
    loss: &Loss,
    part: &CityRows,
    epochs: usize,
) -> Result<Duration, Box<dyn Error>> {
    // SAFETY: it only looks at a number; 1 is standard output.
    let is_terminal = unsafe { isatty(1) } != 0;
    let mut random = Random(1);
    let mut order: Vec<usize> = (0..part.labels.len()).collect();
    let (mut logits, mut labels) = (Vec::new(), Vec::new());
    let mut learning_rate = LEARNING_RATE;
    let mut in_loss = Duration::default();
    let mut step = 0;

    for epoch in 1..=epochs {
        let mut sum = 0.0;
        random.shuffle(&mut order);
        for (number, rows) in order.chunks(BATCH_ROWS).enumerate() {
            labels.clear();
            labels.extend(rows.iter().map(|&row| part.labels[row]));
            network.forward(part, rows, &mut logits);

            let before = Instant::now();
            // Noised losses draw other noise every step.
            let batch = Labels { labels: &labels, classes: network.outputs, step };
            // The gradient is written over the logits, which nobody reads again.
            let value = loss.value_and_gradient_in_place(&mut logits, batch)?;
            in_loss += before.elapsed();

            network.backward(part, rows, &logits);
            network.step(learning_rate);
            sum += value * rows.len() as f64;
            step += 1;
            if is_terminal && number % 20 == 0 {
                let percent = 100 * number * BATCH_ROWS / order.len();
                write!(stdout(), "\repoch {} of {}: {:3} %", epoch, epochs, percent)?;
                stdout().flush()?;
            }
        }
        let mean = sum / order.len() as f64;
        let start = if is_terminal { "\r" } else { "" };
        writeln!(stdout(), "{}epoch {} of {}: mean loss {:.4}", start, epoch, epochs, mean)?;
        learning_rate *= LEARNING_RATE_DECAY;
    }
    Ok(in_loss)
}

fn print_accuracies(network: &mut Network, part: &CityRows) -> Result<(), Box<dyn Error>> {
    let order: Vec<usize> = (0..part.labels.len()).collect();
    let (mut scores, mut logits) = (Vec::new(), Vec::new());
    for rows in order.chunks(BATCH_ROWS) {
        network.forward(part, rows, &mut logits);
        scores.extend_from_slice(&logits);
    }
    let labels = Labels { labels: &part.labels, classes: network.outputs, step: 0 };
    for k in [1, 5] {
        let by_name = topk_accuracy(&scores, labels, k, Average::Micro)?;
        let by_country = topk_accuracy(&scores, labels, k, Average::Macro)?;
        writeln!(stdout(), "test top-{} {:.3}, class average {:.3}", k, by_name, by_country)?;
    }
    Ok(())
}

struct Arguments {
    path: PathBuf,
    loss: String,
    quick: bool,
}

/// The arguments, or none if they make no sense. A path need not be UTF-8.
fn parse(words: &[OsString]) -> Option<Arguments> {
    let (mut path, mut loss, mut quick) = (None, "cross-entropy".to_string(), false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.to_string_lossy().as_ref() {
            "--loss" => loss = words.next()?.to_string_lossy().into_owned(),
            "--quick" => quick = true,
            option if option.starts_with('-') => return None,
            _ if path.is_some() => return None,
            _ => path = Some(PathBuf::from(word)),
        }
    }
    Some(Arguments { path: path?, loss, quick })
}

fn run(given: Arguments) -> Result<(), Box<dyn Error>> {
    let cities = Cities::read(&given.path, given.quick)?;
    let loss = make_loss(&given.loss, &cities.counts())?;
    let mut network = Network::new(cities.countries, 0);
    writeln!(
        stdout(),
        "{}: {} names of {} countries to train on, {} to test on",
        given.loss,
        cities.training.labels.len(),
        cities.countries,
        cities.test.labels.len()
    )?;
    let started = Instant::now();
    let epochs = if given.quick { QUICK_EPOCHS } else { EPOCHS };
    let in_loss = train(&mut network, &loss, &cities.training, epochs)?;
    let taken = started.elapsed().as_secs_f64();
    print_accuracies(&mut network, &cities.test)?;
    let in_loss = in_loss.as_secs_f64();
    writeln!(stdout(), "{:.1} seconds of training, {:.2} of them in the loss", taken, in_loss)?;
    Ok(())
}

// println! and eprintln! end a program with a panic where nobody reads what it writes: nothing here uses them.
fn main() {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (status, last_words) = if words.iter().any(|word| word == "--help") {
        match writeln!(stdout(), "{}", USAGE) {
            Ok(()) => return,
            Err(error) => (1, error.to_string()),
        }
    } else {
        match parse(&words).map(run) {
            None => (2, USAGE.to_string()),
            Some(Ok(())) => return,
            Some(Err(error)) => (1, error.to_string()),
        }
    };
    let _ = writeln!(stderr(), "{}", last_words);
    std::process::exit(status);
}
