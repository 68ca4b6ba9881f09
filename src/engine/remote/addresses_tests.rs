//! That work is spread, that beginnings stay where they are warm, and who is asked when not all are
//! well. No clock is waited for: the time is handed in.

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn three() -> Arc<Addresses> {
    let bases = ["a", "b", "c"].map(str::to_owned);
    Addresses::new(&bases, false)
}

fn trouble() -> Trouble {
    Trouble {
        reason: "it fails".into(),
        detail: "as it does".into(),
    }
}

fn pick(addresses: &Arc<Addresses>, beginning: u64, tried: &[usize]) -> Place {
    match addresses.pick("m", beginning, tried, Instant::now(), PATIENCE) {
        Pick::Use(place) => place,
        Pick::Rest(_) => panic!("all rest"),
        Pick::Nobody => panic!("there is nobody"),
    }
}

#[test]
fn requests_that_begin_differently_are_spread_evenly() {
    let addresses = three();
    let places: Vec<Place> = (0..9)
        .map(|beginning| pick(&addresses, beginning, &[]))
        .collect();
    let running: Vec<u32> = addresses
        .list()
        .iter()
        .map(|address| address.running)
        .collect();
    assert_eq!(running, [3, 3, 3]);
    drop(places);
    assert!(addresses.list().iter().all(|address| address.running == 0));
}

#[test]
fn a_beginning_goes_where_it_went_before_until_that_address_leads_by_far() {
    let addresses = three();
    let _elsewhere = [pick(&addresses, 1, &[])];
    let home = pick(&addresses, 7, &[]).index;
    let busy: Vec<Place> = (0..LEAD_ALLOWED)
        .map(|_| pick(&addresses, 7, &[]))
        .collect();
    assert!(busy.iter().all(|place| place.index == home));
    assert_ne!(pick(&addresses, 7, &[]).index, home);
}

#[test]
fn who_was_tried_is_not_asked_again_and_who_fails_only_when_there_is_no_other() {
    let addresses = three();
    addresses.mark(0, Mark::Away, trouble(), Instant::now());
    for beginning in 0..20 {
        assert_ne!(pick(&addresses, beginning, &[]).index, 0);
    }
    assert_eq!(pick(&addresses, 0, &[1, 2]).index, 0);
    let nobody = addresses.pick("m", 0, &[0, 1, 2], Instant::now(), PATIENCE);
    assert!(matches!(nobody, Pick::Nobody));
}

#[test]
fn bad_answers_count_as_failing_only_together_and_a_good_one_forgives() {
    let addresses = three();
    let failing = |addresses: &Addresses| addresses.list()[1].is_failing();
    for _ in 0..FAILURES_ALLOWED {
        addresses.mark(1, Mark::Failed, trouble(), Instant::now());
    }
    assert!(!failing(&addresses));
    addresses.praise(1);
    for _ in 0..=FAILURES_ALLOWED {
        assert!(!failing(&addresses));
        addresses.mark(1, Mark::Failed, trouble(), Instant::now());
    }
    assert!(failing(&addresses));
}

#[test]
fn who_is_busy_rests_and_is_waited_for_if_it_is_not_long() {
    let addresses = Addresses::new(&["a".to_owned()], false);
    let now = Instant::now();
    let rest = Duration::from_secs(5);
    addresses.mark(0, Mark::Busy(rest), trouble(), now);
    match addresses.pick("m", 0, &[], now, PATIENCE) {
        Pick::Rest(until) => assert_eq!(until, now + rest),
        _ => panic!("it does not rest"),
    }
    let impatient = addresses.pick("m", 0, &[], now, Duration::from_secs(1));
    assert!(matches!(impatient, Pick::Nobody));
    let later = addresses.pick("m", 0, &[], now + rest, PATIENCE);
    assert!(matches!(later, Pick::Use(_)));
}

#[test]
fn a_server_that_only_takes_its_time_while_it_works_is_not_failing() {
    let addresses = three();
    let place = pick(&addresses, 0, &[]);
    addresses.found_failing(place.index, trouble(), true);
    assert!(!addresses.list()[place.index].is_failing());
    addresses.found_failing(place.index, trouble(), false);
    assert!(addresses.list()[place.index].is_failing());
}

#[test]
fn only_an_address_that_lists_a_model_is_asked_for_it() {
    let addresses = Addresses::new(&["a".to_owned(), "b".to_owned()], true);
    let pick = || addresses.pick("m", 0, &[], Instant::now(), PATIENCE);
    assert!(matches!(pick(), Pick::Nobody));
    let listed = ListedModel::named("m");
    addresses.found_well(1, Some(vec![listed]), Duration::ZERO);
    assert!(matches!(pick(), Pick::Use(place) if place.index == 1));
}

#[test]
fn what_is_remembered_of_beginnings_is_limited() {
    let addresses = three();
    for beginning in 0..(MAX_WARM as u64 + 100) {
        drop(pick(&addresses, beginning, &[]));
    }
    let state = addresses.state();
    assert_eq!(state.warm.len(), MAX_WARM);
    assert!(state.warm.contains_key(&(MAX_WARM as u64 + 99)));
    assert!(!state.warm.contains_key(&0));
}
