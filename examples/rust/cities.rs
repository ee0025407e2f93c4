//! City names and their countries, from the tab-separated file that `make cities` writes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// How many different n-grams are told apart.
pub const BUCKETS: usize = 1 << 17;

const LONGEST_NGRAM: usize = 4;
const TITLES: &str = "part\tcountry\tcountry_name\tname";
const QUICK_SHARE: usize = 4;

/// Names to learn from, or to be tested on.
#[derive(Default)]
pub struct CityRows {
    /// The hashed character 1- to 4-grams of every name.
    pub ngrams: Vec<Vec<u32>>,
    pub labels: Vec<i64>,
}

#[derive(Default)]
pub struct Cities {
    pub countries: usize,
    pub training: CityRows,
    pub test: CityRows,
}

impl Cities {
    /// Training names of each country.
    pub fn counts(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.countries];
        for &label in &self.training.labels {
            counts[label as usize] += 1.0;
        }
        counts
    }

    /// Reads the file; quick: of every country, one name in four. Errors name the file and the line.
    pub fn read(path: &Path, quick: bool) -> Result<Cities, String> {
        let nowhere = |error: std::io::Error| {
            format!("{}: {} (make cities writes it)", path.display(), error)
        };
        let wrong = |line: usize, what: &str| format!("{}:{}: {}", path.display(), line, what);
        let mut cities = Cities::default();
        let mut seen = HashMap::new();
        let mut lines = BufReader::new(File::open(path).map_err(nowhere)?).lines();
        if lines.next().transpose().map_err(nowhere)?.as_deref() != Some(TITLES) {
            return Err(wrong(1, "not the titles of a file of cities"));
        }
        for (index, line) in lines.enumerate() {
            let line = line.map_err(|error| wrong(index + 2, &error.to_string()))?;
            let (part, label, name) = parse(&line).map_err(|what| wrong(index + 2, what))?;
            cities.countries = cities.countries.max(label + 1);
            let rows = match part {
                "training" => &mut cities.training,
                "test" => &mut cities.test,
                _ => continue,
            };
            let place: &mut usize = seen.entry((part.len(), label)).or_default();
            *place += 1;
            if !quick || (*place - 1) % QUICK_SHARE == 0 {
                rows.ngrams.push(hash_ngrams(name));
                rows.labels.push(label as i64);
            }
        }
        if cities.training.labels.is_empty() || cities.test.labels.is_empty() {
            return Err(format!("{}: no names to learn from or to test on", path.display()));
        }
        Ok(cities)
    }
}

/// A line's part, country and name, or what is wrong with it.
fn parse(line: &str) -> Result<(&str, usize, &str), &'static str> {
    let columns: Vec<&str> = line.split('\t').collect();
    match columns[..] {
        [_, _, _, ""] => Err("the name is empty"),
        [part, country, _, name] => Ok((part, index_of(country)?, name)),
        _ => Err("not four columns"),
    }
}

/// The index of a country, written in one to three digits.
fn index_of(text: &str) -> Result<usize, &'static str> {
    const WRONG: &str = "the index of a country is no number from 0 to 999";
    if text.len() > 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WRONG);
    }
    text.parse().map_err(|_| WRONG)
}

/// The buckets of all 1- to 4-grams of a name.
fn hash_ngrams(name: &str) -> Vec<u32> {
    let mut buckets = Vec::with_capacity(LONGEST_NGRAM * name.len());
    for (start, _) in name.char_indices() {
        // FNV-1a, 64 bits, whose value after n characters is the hash of that n-gram.
        let mut hash: u64 = 14_695_981_039_346_656_037;
        for character in name[start..].chars().take(LONGEST_NGRAM) {
            for &byte in character.encode_utf8(&mut [0; 4]).as_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
            }
            // The low bits of a short string's hash depend on few of its bits; the high ones are folded in.
            buckets.push(((hash ^ (hash >> 32)) % BUCKETS as u64) as u32);
        }
    }
    buckets
}
