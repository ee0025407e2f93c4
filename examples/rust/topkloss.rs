//! A safe wrapper around the declarations in `ffi`: losses that own their handle, slices whose lengths are checked,
//! errors with the library's message. Another loss takes a declaration there and a constructor here.

use crate::ffi;
use std::ffi::CStr;
use std::fmt;
use std::mem::{size_of, MaybeUninit};
use std::os::raw::c_char;
use std::ptr;

/// What was wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The name of the status, "TOPKLOSS_ERROR_LABEL", or "" where the wrapper found the error.
    pub status: String,
    /// Which argument, row and value was wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.message)
    }
}

impl std::error::Error for Error {}

fn text(pointer: *const c_char) -> String {
    // SAFETY: the library's texts are never null, end with a zero, and are copied before the next call.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn check(status: ffi::topkloss_status) -> Result<(), Error> {
    if status == ffi::TOPKLOSS_OK {
        return Ok(());
    }
    // SAFETY: neither function has preconditions.
    let (name, message) =
        unsafe { (ffi::topkloss_status_name(status), ffi::topkloss_last_error()) };
    Err(Error { status: text(name), message: text(message) })
}

fn check_length(name: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    let message = format!("{} has {} entries, not {}", name, found, expected);
    Err(Error { status: String::new(), message })
}

/// A struct of the library with its defaults.
fn initialized<T>(
    init: unsafe extern "C" fn(*mut T, usize) -> ffi::topkloss_status,
) -> Result<T, Error> {
    let mut made = MaybeUninit::<T>::uninit();
    // SAFETY: the function writes every member of a struct of this size, or fails.
    unsafe {
        check(init(made.as_mut_ptr(), size_of::<T>()))?;
        Ok(made.assume_init())
    }
}

/// Numbers that scores may be.
pub trait Element: sealed::Sealed {}

mod sealed {
    pub trait Sealed: Copy {
        const DTYPE: i32;
    }
}

impl sealed::Sealed for f32 {
    const DTYPE: i32 = crate::ffi::TOPKLOSS_FLOAT32;
}
impl sealed::Sealed for f64 {
    const DTYPE: i32 = crate::ffi::TOPKLOSS_FLOAT64;
}
impl Element for f32 {}
impl Element for f64 {}

/// What a batch has besides its scores, which are row-major, one row a label.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    /// One a row, from 0 to classes - 1, or -100 for rows to leave out.
    pub labels: &'a [i64],
    pub classes: usize,
    /// Noised losses draw their noise by it: advance it a call.
    pub step: u64,
}

fn describe<T: Element>(
    scores: *const T,
    length: usize,
    labels: Labels<'_>,
) -> Result<ffi::topkloss_batch, Error> {
    let expected = labels.labels.len().checked_mul(labels.classes);
    check_length("scores", length, expected.unwrap_or(usize::MAX))?;
    let mut batch = initialized(ffi::topkloss_batch_init)?;
    batch.rows = labels.labels.len() as i64;
    batch.classes = labels.classes as i64;
    batch.dtype = T::DTYPE;
    batch.logits = scores.cast();
    batch.labels = labels.labels.as_ptr().cast();
    batch.step = labels.step;
    Ok(batch)
}

/// A loss, ready to be evaluated.
pub struct Loss(ptr::NonNull<ffi::topkloss_loss>);

// SAFETY: a handle is immutable, and any number of threads may use it at once.
unsafe impl Send for Loss {}
unsafe impl Sync for Loss {}

impl Drop for Loss {
    fn drop(&mut self) {
        // SAFETY: the handle is this object's alone, and no call is using it any more.
        unsafe { ffi::topkloss_loss_destroy(self.0.as_ptr()) }
    }
}

/// How the expectation over the noise is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Estimator {
    MonteCarlo = ffi::TOPKLOSS_MONTE_CARLO as isize,
    Exact = ffi::TOPKLOSS_EXACT as isize,
}

impl Loss {
    fn create<T>(
        create: unsafe extern "C" fn(*const T, *mut *mut ffi::topkloss_loss) -> i32,
        options: &T,
    ) -> Result<Loss, Error> {
        let mut handle = ptr::null_mut();
        // SAFETY: the options came from their init function, and are read during the call only.
        check(unsafe { create(options, &mut handle) })?;
        Ok(Loss(ptr::NonNull::new(handle).expect("a handle, for the status was OK")))
    }

    pub fn cross_entropy() -> Result<Loss, Error> {
        let options = initialized(ffi::topkloss_cross_entropy_options_init)?;
        Loss::create(ffi::topkloss_cross_entropy_create, &options)
    }

    /// `class_counts`: training examples of each class.
    pub fn logit_adjusted(class_counts: &[f64], tau: f64) -> Result<Loss, Error> {
        let mut options = initialized(ffi::topkloss_logit_adjusted_options_init)?;
        options.classes = class_counts.len() as i64;
        options.class_counts = class_counts.as_ptr();
        options.tau = tau;
        Loss::create(ffi::topkloss_logit_adjusted_create, &options)
    }

    /// `epsilon`: standard deviation of the noise, in units of a logit.
    pub fn noised_topk(k: usize, epsilon: f64, estimator: Estimator) -> Result<Loss, Error> {
        let mut options = initialized(ffi::topkloss_noised_topk_options_init)?;
        options.k = k as i64;
        options.epsilon = epsilon;
        options.estimator = estimator as i32;
        Loss::create(ffi::topkloss_noised_topk_create, &options)
    }

    fn evaluate<T: Element>(
        &self,
        batch: &ffi::topkloss_batch,
        gradient: *mut T,
    ) -> Result<f64, Error> {
        let mut result = initialized(ffi::topkloss_result_init)?;
        result.gradient = gradient.cast();
        // SAFETY: lengths were checked by those who call this; the handle lives as long as self.
        check(unsafe { ffi::topkloss_evaluate(self.0.as_ptr(), batch, &mut result) })?;
        Ok(result.value)
    }

    /// The mean loss; its gradient with respect to the scores is written to `gradient`. For loops that still need
    /// their scores; this example's does not.
    #[allow(dead_code)]
    pub fn value_and_gradient<T: Element>(
        &self,
        scores: &[T],
        labels: Labels<'_>,
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        check_length("gradient", gradient.len(), scores.len())?;
        let batch = describe(scores.as_ptr(), scores.len(), labels)?;
        self.evaluate(&batch, gradient.as_mut_ptr())
    }

    /// The mean loss; the scores are replaced by its gradient.
    pub fn value_and_gradient_in_place<T: Element>(
        &self,
        scores: &mut [T],
        labels: Labels<'_>,
    ) -> Result<f64, Error> {
        let pointer = scores.as_mut_ptr();
        let batch = describe(pointer as *const T, scores.len(), labels)?;
        self.evaluate(&batch, pointer)
    }
}

/// How accuracies of rows become one figure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Average {
    Micro = ffi::TOPKLOSS_MICRO as isize,
    Macro = ffi::TOPKLOSS_MACRO as isize,
}

/// The share of rows whose label is among the `k` highest scores.
pub fn topk_accuracy<T: Element>(
    scores: &[T],
    labels: Labels<'_>,
    k: usize,
    average: Average,
) -> Result<f64, Error> {
    let mut options = initialized(ffi::topkloss_topk_accuracy_options_init)?;
    options.k = k as i64;
    options.average = average as i32;
    let batch = describe(scores.as_ptr(), scores.len(), labels)?;
    let mut accuracy = 0.0;
    // SAFETY: lengths were checked by describe; accuracy outlives the call.
    check(unsafe { ffi::topkloss_topk_accuracy(&options, &batch, &mut accuracy) })?;
    Ok(accuracy)
}
