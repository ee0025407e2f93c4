//! What this program uses of `topkloss.h`, which documents all of it. Names are the header's.
#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_void};

pub type topkloss_status = i32;

pub const TOPKLOSS_OK: topkloss_status = 0;
pub const TOPKLOSS_FLOAT32: i32 = 0;
pub const TOPKLOSS_FLOAT64: i32 = 1;
pub const TOPKLOSS_MONTE_CARLO: i32 = 0;
pub const TOPKLOSS_EXACT: i32 = 1;
pub const TOPKLOSS_MICRO: i32 = 0;
pub const TOPKLOSS_MACRO: i32 = 1;

/// A loss behind a pointer: never made or read here.
#[repr(C)]
pub struct topkloss_loss {
    private: [u8; 0],
}

#[repr(C)]
pub struct topkloss_batch {
    pub struct_size: usize,
    pub rows: i64,
    pub classes: i64,
    pub dtype: i32,
    pub label_type: i32,
    pub logits: *const c_void,
    pub logits_row_stride: i64,
    pub labels: *const c_void,
    pub sample_weight: *const f64,
    pub upstream: *const f64,
    pub noise: *const c_void,
    pub noise_row_stride: i64,
    pub noise_sample_stride: i64,
    pub step: u64,
    pub first_row: i64,
    pub executor: *const c_void,
    pub multi_label_logits: *const c_void,
    pub multi_label_row_stride: i64,
}

#[repr(C)]
pub struct topkloss_result {
    pub struct_size: usize,
    pub value: f64,
    pub total_weight: f64,
    pub row_values: *mut c_void,
    pub gradient: *mut c_void,
    pub gradient_row_stride: i64,
    pub multi_label_gradient: *mut c_void,
    pub multi_label_gradient_row_stride: i64,
    pub threshold: f64,
}

#[repr(C)]
pub struct topkloss_cross_entropy_options {
    pub struct_size: usize,
    pub reduction: i32,
    pub check_finite: i32,
    pub ignore_index: i64,
    pub classes: i64,
    pub class_weight: *const f64,
    pub label_smoothing: f64,
}

#[repr(C)]
pub struct topkloss_logit_adjusted_options {
    pub struct_size: usize,
    pub reduction: i32,
    pub check_finite: i32,
    pub ignore_index: i64,
    pub classes: i64,
    pub class_counts: *const f64,
    pub count_smoothing: f64,
    pub class_weight: *const f64,
    pub label_smoothing: f64,
    pub tau: f64,
}

#[repr(C)]
pub struct topkloss_noised_topk_options {
    pub struct_size: usize,
    pub reduction: i32,
    pub check_finite: i32,
    pub ignore_index: i64,
    pub k: i64,
    pub n_samples: i64,
    pub seed: u64,
    pub epsilon: f64,
    pub margin: f64,
    pub scale: f64,
    pub classes: i64,
    pub class_counts: *const f64,
    pub count_smoothing: f64,
    pub max_margin: f64,
    pub estimator: i32,
}

#[repr(C)]
pub struct topkloss_topk_accuracy_options {
    pub struct_size: usize,
    pub k: i64,
    pub ignore_index: i64,
    pub average: i32,
}

#[link(name = "topkloss")]
extern "C" {
    pub fn topkloss_status_name(status: topkloss_status) -> *const c_char;
    pub fn topkloss_last_error() -> *const c_char;

    pub fn topkloss_batch_init(batch: *mut topkloss_batch, struct_size: usize) -> topkloss_status;
    pub fn topkloss_result_init(
        result: *mut topkloss_result,
        struct_size: usize,
    ) -> topkloss_status;
    pub fn topkloss_evaluate(
        loss: *const topkloss_loss,
        batch: *const topkloss_batch,
        result: *mut topkloss_result,
    ) -> topkloss_status;
    pub fn topkloss_loss_destroy(loss: *mut topkloss_loss);

    pub fn topkloss_cross_entropy_options_init(
        options: *mut topkloss_cross_entropy_options,
        struct_size: usize,
    ) -> topkloss_status;
    pub fn topkloss_cross_entropy_create(
        options: *const topkloss_cross_entropy_options,
        out: *mut *mut topkloss_loss,
    ) -> topkloss_status;
    pub fn topkloss_logit_adjusted_options_init(
        options: *mut topkloss_logit_adjusted_options,
        struct_size: usize,
    ) -> topkloss_status;
    pub fn topkloss_logit_adjusted_create(
        options: *const topkloss_logit_adjusted_options,
        out: *mut *mut topkloss_loss,
    ) -> topkloss_status;
    pub fn topkloss_noised_topk_options_init(
        options: *mut topkloss_noised_topk_options,
        struct_size: usize,
    ) -> topkloss_status;
    pub fn topkloss_noised_topk_create(
        options: *const topkloss_noised_topk_options,
        out: *mut *mut topkloss_loss,
    ) -> topkloss_status;

    pub fn topkloss_topk_accuracy_options_init(
        options: *mut topkloss_topk_accuracy_options,
        struct_size: usize,
    ) -> topkloss_status;
    pub fn topkloss_topk_accuracy(
        options: *const topkloss_topk_accuracy_options,
        batch: *const topkloss_batch,
        accuracy: *mut f64,
    ) -> topkloss_status;
}
