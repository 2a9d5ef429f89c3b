//! The rules against their formulas, and in every place that names them.

use burn::tensor::{Device, Tensor};

use super::*;

/// Runs a rule for a few steps on one weight, against the plain formula in `f64`.
fn assert_follows(rule: &dyn Rule, formula: impl Fn(&Step, f64, f64, &mut [f64]) -> f64) {
    let device = Device::flex();
    let mut weight = Tensor::<1>::from_floats([0.5, -1.0], &device);
    let mut state: Vec<Tensor<1>> = rule.slots().iter().map(|_| weight.zeros_like()).collect();
    let mut expected = [0.5, -1.0];
    let mut in_place = vec![vec![0.0; 2]; rule.slots().len()];
    let mut expected_state = vec![vec![0.0; rule.slots().len()]; 2];
    for number in 1..=5 {
        let grads = [0.3 * number as f64 - 0.7, 0.01 / number as f64];
        let step = Step { lr: 0.1, weight_decay: 0.05, betas: rule.betas(), number, scale: 0.5 };
        let grad = Tensor::<1>::from_floats(grads.map(|g| g as f32), &device);
        let mut values: Vec<f32> = weight.to_data().try_into_vec().unwrap();
        weight = rule.update(&step, weight, grad, &mut state);
        let mut slots: Vec<&mut [f32]> = in_place.iter_mut().map(Vec::as_mut_slice).collect();
        rule.update_in_place(&step, &mut values, &grads.map(|g| g as f32), &mut slots);
        for i in 0..2 {
            expected[i] = formula(&step, expected[i], grads[i], &mut expected_state[i]);
        }
        let found: Vec<f32> = weight.to_data().try_into_vec().unwrap();
        for (f, e) in found.iter().chain(&values).zip(expected.iter().chain(&expected)) {
            assert!((f64::from(*f) - e).abs() < 1e-5, "{} step {number}: {f}, expected {e}", rule.name());
        }
    }
}

#[test]
fn adamw_follows_loshchilov_and_hutter() {
    assert_follows(&adamw::AdamW, |step, weight, grad, state| {
        let [b1, b2] = step.betas;
        let grad = grad * step.scale;
        state[0] = b1 * state[0] + (1.0 - b1) * grad;
        state[1] = b2 * state[1] + (1.0 - b2) * grad * grad;
        let mean = state[0] / (1.0 - b1.powi(step.number as i32));
        let square = state[1] / (1.0 - b2.powi(step.number as i32));
        weight - step.lr * step.weight_decay * weight - step.lr * mean / (square.sqrt() + 1e-8)
    });
}

#[test]
fn adam_follows_kingma_and_ba() {
    assert_follows(&adam::Adam, |step, weight, grad, state| {
        let [b1, b2] = step.betas;
        let grad = grad * step.scale + step.weight_decay * weight;
        state[0] = b1 * state[0] + (1.0 - b1) * grad;
        state[1] = b2 * state[1] + (1.0 - b2) * grad * grad;
        let mean = state[0] / (1.0 - b1.powi(step.number as i32));
        let square = state[1] / (1.0 - b2.powi(step.number as i32));
        weight - step.lr * mean / (square.sqrt() + 1e-8)
    });
}

#[test]
fn sgd_follows_nesterov_as_in_pytorch() {
    assert_follows(&sgd::Sgd, |step, weight, grad, state| {
        let grad = grad * step.scale + step.weight_decay * weight;
        state[0] = step.betas[0] * state[0] + grad;
        weight - step.lr * (grad + step.betas[0] * state[0])
    });
}

#[test]
fn rmsprop_follows_hinton_as_in_pytorch() {
    assert_follows(&rmsprop::RmsProp, |step, weight, grad, state| {
        let [b1, b2] = step.betas;
        let grad = grad * step.scale + step.weight_decay * weight;
        state[1] = b2 * state[1] + (1.0 - b2) * grad * grad;
        state[0] = b1 * state[0] + grad / (state[1].sqrt() + 1e-8);
        weight - step.lr * state[0]
    });
}

#[test]
fn lion_follows_chen_et_al() {
    assert_follows(&lion::Lion, |step, weight, grad, state| {
        let [b1, b2] = step.betas;
        let grad = grad * step.scale;
        let direction = (b1 * state[0] + (1.0 - b1) * grad).signum();
        state[0] = b2 * state[0] + (1.0 - b2) * grad;
        weight - step.lr * step.weight_decay * weight - step.lr * direction
    });
}

#[test]
fn every_rule_is_found_by_its_name_and_suggested_for_a_misspelt_one() {
    for rule in RULES {
        assert_eq!(find(rule.name()).unwrap().name(), rule.name());
        let hint = format!("did you mean `{}`?", rule.name());
        assert_eq!(find(&format!("{}x", rule.name())).err().unwrap().hint_text(), Some(&*hint));
        assert!(!rule.about().is_empty() && !rule.slots().is_empty(), "{}", rule.name());
    }
}
