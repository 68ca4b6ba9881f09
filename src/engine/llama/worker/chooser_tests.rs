//! What is chosen from logits that are known, and how often.
//!
//! Grammars need a vocabulary, so they are tested with whole models.

use super::*;

fn chosen(sampling: Sampling, logits: &[f32], seed: u32) -> Option<i32> {
    Chooser::new(&sampling, seed, None, Vec::new()).choose(logits)
}

fn warm(top_k: u32) -> Sampling {
    Sampling {
        temperature: Some(1.0),
        top_k: Some(top_k),
        ..Sampling::default()
    }
}

#[test]
fn without_warmth_the_likeliest_is_taken_the_first_of_equals() {
    let mut logits = vec![0.5_f32; 5000];
    logits[3000] = 2.0;
    logits[4000] = 2.0;
    logits[10] = f32::NAN;
    assert_eq!(chosen(Sampling::default(), &logits, 1), Some(3000));
    assert_eq!(chosen(Sampling::default(), &[f32::NAN; 8], 1), None);
}

#[test]
fn only_the_likeliest_few_are_ever_chosen_and_the_likelier_more_often() {
    let logits: Vec<f32> = (0_u8..100).map(|at| f32::from(at) / 10.0).collect();
    let mut counts = [0; 100];
    for seed in 0..1000 {
        let token = chosen(warm(3), &logits, seed).unwrap();
        counts[usize::try_from(token).unwrap()] += 1;
    }
    assert_eq!(counts[..97].iter().sum::<i32>(), 0);
    assert!(counts[99] > counts[98] && counts[98] > counts[97] && counts[97] > 100);
}

#[test]
fn the_same_seed_chooses_the_same() {
    let logits: Vec<f32> = (0_u8..200).map(|at| f32::from(at % 17)).collect();
    for seed in 0..20 {
        assert_eq!(
            chosen(warm(0), &logits, seed),
            chosen(warm(0), &logits, seed)
        );
    }
}

#[test]
fn the_likeliest_are_found_as_a_sort_finds_them() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 22).unwrap())
    };
    for length in [1, 7, 1024, 1025, 5000] {
        let logits: Vec<f32> = (0..length).map(|_| random()).collect();
        let sorted = likeliest(&logits, logits.len());
        for count in [1, 2, 40, length] {
            let count = count.min(length);
            assert_eq!(likeliest(&logits, count), sorted[..count]);
        }
    }
}

#[test]
fn penalties_and_biases_change_who_is_likeliest() {
    let logits = [1.0, 0.9, 0.0, -1.0];
    let with = |sampling: Sampling| {
        let mut chooser = Chooser::new(&sampling, 1, None, vec![]);
        chooser.accept(0);
        chooser.accept(0);
        chooser.choose(&logits)
    };
    let none = Sampling::default;
    assert_eq!(with(none()), Some(0));
    let repeat_penalty = Some(1.5);
    assert_eq!(
        with(Sampling {
            repeat_penalty,
            ..none()
        }),
        Some(1)
    );
    let presence_penalty = Some(0.2);
    assert_eq!(
        with(Sampling {
            presence_penalty,
            ..none()
        }),
        Some(1)
    );
    let frequency_penalty = Some(0.06);
    assert_eq!(
        with(Sampling {
            frequency_penalty,
            ..none()
        }),
        Some(1)
    );
    let logit_bias = vec![(3, 10.0), (9999, 100.0), (-1, 100.0)];
    assert_eq!(
        with(Sampling {
            logit_bias,
            ..none()
        }),
        Some(3)
    );
}

#[test]
fn what_is_forbidden_is_not_chosen() {
    let mut chooser = Chooser::new(&Sampling::default(), 1, None, vec![2]);
    assert_eq!(chooser.choose(&[0.0, 1.0, 5.0]), Some(1));
}
