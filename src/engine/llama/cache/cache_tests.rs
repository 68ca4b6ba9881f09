//! What the cache promises: the longest beginning, for the right people, within the room there is.
//!
//! Against a made-up memory that does what [`Act`]s say and remembers who computed what.

use proptest::prelude::*;

use super::*;

const NOBODY: Scope = Scope {
    set: 0,
    lane: 1,
    house_tokens: 0,
};

fn cache() -> PrefixCache {
    PrefixCache::new(8, Layout::Unified { tokens: 1000 })
}

/// Computes all of a request and ends it.
fn run(cache: &mut PrefixCache, scope: Scope, tokens: &[i32]) -> Opened {
    let mut acts = Vec::new();
    let opened = cache.open(1, scope, tokens, true, &mut acts).unwrap();
    cache.computed(opened.sequence, count(tokens) - opened.cached);
    cache.close(opened.sequence, &mut acts);
    opened
}

fn tokens(range: std::ops::Range<i32>) -> Vec<i32> {
    range.collect()
}

#[test]
fn a_conversation_goes_on_where_it_was() {
    let mut cache = cache();
    assert_eq!(run(&mut cache, NOBODY, &tokens(0..100)).cached, 0);
    assert_eq!(run(&mut cache, NOBODY, &tokens(0..150)).cached, 100);
    // The shorter one is part of the longer one and takes no sequence.
    assert_eq!(cache.entries.len(), 1);
    assert_eq!(cache.used_tokens(), 150);
    // The last token is computed again, for what comes after it.
    assert_eq!(run(&mut cache, NOBODY, &tokens(0..150)).cached, 149);
}

#[test]
fn what_one_typed_serves_nobody_else_and_what_is_the_houses_serves_all() {
    let mut cache = cache();
    let of = |lane, house_tokens| Scope {
        set: 0,
        lane,
        house_tokens,
    };
    run(&mut cache, of(1, 40), &tokens(0..100));
    assert_eq!(run(&mut cache, of(2, 0), &tokens(0..100)).cached, 0);
    assert_eq!(run(&mut cache, of(3, 40), &tokens(0..90)).cached, 40);
    assert_eq!(run(&mut cache, of(4, 60), &tokens(0..90)).cached, 40);
    assert_eq!(run(&mut cache, of(1, 40), &tokens(0..90)).cached, 89);
}

#[test]
fn what_is_forgotten_serves_nobody_and_what_is_being_computed_serves_only_its_own_request() {
    let mut cache = cache();
    let mut acts = Vec::new();
    let of = |lane| Scope { lane, ..NOBODY };
    run(&mut cache, of(1), &tokens(0..100));
    run(&mut cache, of(2), &tokens(0..100));
    let running = cache
        .open(9, of(1), &tokens(500..600), true, &mut acts)
        .unwrap();
    cache.computed(running.sequence, 100);
    cache.forget(1, &mut acts);
    assert_eq!(cache.used_tokens(), 200);
    let again = cache.find_ready(of(1), &tokens(500..600));
    assert_eq!(again, Some(0), "neither waited for nor taken");
    cache.close(running.sequence, &mut acts);
    assert_eq!(cache.used_tokens(), 100);
    assert_eq!(run(&mut cache, of(1), &tokens(0..100)).cached, 0);
    assert_eq!(run(&mut cache, of(2), &tokens(0..100)).cached, 99);
}

#[test]
fn what_adapters_made_serves_only_the_same_adapters() {
    let mut cache = cache();
    let under = |set| Scope { set, ..NOBODY };
    run(&mut cache, under(7), &tokens(0..100));
    assert_eq!(run(&mut cache, under(0), &tokens(0..100)).cached, 0);
    assert_eq!(run(&mut cache, under(8), &tokens(0..100)).cached, 0);
    assert_eq!(run(&mut cache, under(7), &tokens(0..100)).cached, 99);
}

#[test]
fn a_beginning_that_is_being_computed_is_waited_for() {
    let mut cache = cache();
    let mut acts = Vec::new();
    let first = cache
        .open(1, NOBODY, &tokens(0..100), true, &mut acts)
        .unwrap();
    let second: Vec<i32> = (0..60).chain(900..950).collect();
    assert_eq!(cache.find_ready(NOBODY, &second), None);
    cache.computed(first.sequence, 20);
    assert_eq!(cache.find_ready(NOBODY, &second), None);
    // So little is missing that waiting gains nothing.
    cache.computed(first.sequence, 10);
    assert_eq!(cache.find_ready(NOBODY, &second), Some(30));
    cache.computed(first.sequence, 40);
    assert_eq!(cache.find_ready(NOBODY, &second), Some(60));
    let opened = cache.open(2, NOBODY, &second, true, &mut acts).unwrap();
    assert_eq!(opened.cached, 60);
    let share = Act::Share {
        from: first.sequence,
        to: opened.sequence,
        tokens: 60,
    };
    assert_eq!(acts, [share]);
    // Somebody else need not wait.
    let stranger = Scope { lane: 2, ..NOBODY };
    assert_eq!(cache.find_ready(stranger, &second), Some(0));
}

#[test]
fn a_request_that_wants_no_cache_neither_takes_nor_leaves_anything() {
    let mut cache = cache();
    let mut acts = Vec::new();
    run(&mut cache, NOBODY, &tokens(0..100));
    let opened = cache
        .open(1, NOBODY, &tokens(0..200), false, &mut acts)
        .unwrap();
    assert_eq!(opened.cached, 0);
    cache.computed(opened.sequence, 200);
    assert_eq!(run(&mut cache, NOBODY, &tokens(0..200)).cached, 100);
    cache.close(opened.sequence, &mut acts);
    assert_eq!(
        acts,
        [Act::Free {
            sequence: opened.sequence
        }]
    );
}

#[test]
fn the_one_unused_longest_goes_first() {
    let mut cache = cache();
    for begin in [0, 1000, 2000] {
        run(&mut cache, NOBODY, &tokens(begin..begin + 300));
    }
    run(&mut cache, NOBODY, &tokens(0..300));
    let mut acts = Vec::new();
    assert!(cache.make_room(300, &mut acts));
    assert_eq!(acts.len(), 1);
    assert_eq!(cache.find_ready(NOBODY, &tokens(1000..1300)), Some(0));
    assert_eq!(cache.find_ready(NOBODY, &tokens(0..300)), Some(299));
    assert!(!cache.make_room(1001, &mut acts));
    assert_eq!(
        cache.used_tokens(),
        0,
        "nothing idle stays when room is wanted"
    );
}

#[derive(Debug, Clone)]
struct Made {
    scope: Scope,
    /// Which of a few beginnings, and how long.
    family: i32,
    shared: u32,
    own: u32,
    reply: u32,
}

fn made() -> impl Strategy<Value = Made> {
    let scope = (0_u64..2, 0_u64..3, 0_u32..30).prop_map(|(set, lane, house_tokens)| Scope {
        set,
        lane,
        house_tokens,
    });
    (scope, 0_i32..3, 0_u32..60, 1_u32..40, 0_u32..20).prop_map(
        |(scope, family, shared, own, reply)| Made {
            scope,
            family,
            shared,
            own,
            reply,
        },
    )
}

/// For each cell of each sequence: under which adapters and for whom its token was computed.
type Shadow = HashMap<u32, Vec<(i32, Scope)>>;

fn follow(shadow: &mut Shadow, acts: &mut Vec<Act>) {
    for act in acts.drain(..) {
        match act {
            Act::Share { from, to, tokens } => {
                assert!(!shadow.contains_key(&to), "it is not empty");
                let taken = shadow[&from][..tokens as usize].to_vec();
                shadow.insert(to, taken);
            }
            Act::Free { sequence } => {
                shadow.remove(&sequence);
            }
            Act::Trim { sequence, tokens } => {
                let cells = shadow.get_mut(&sequence).unwrap();
                assert!(cells.len() > tokens as usize, "something is lost");
                cells.truncate(tokens as usize);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_leaks_and_nothing_is_lost(requests in prop::collection::vec(made(), 1..40), keep_open in 1_usize..5, apart: bool) {
        let layout = if apart { Layout::Streams { tokens_each: 120 } } else { Layout::Unified { tokens: 400 } };
        let mut cache = PrefixCache::new(6, layout);
        let mut shadow = Shadow::new();
        let mut acts = Vec::new();
        let mut open: Vec<Opened> = Vec::new();
        for (id, made) in requests.iter().enumerate() {
            let beginning = (0..made.shared).map(|at| made.family * 10_000 + i32::try_from(at).unwrap());
            let own = (0..made.own).map(|at| 100_000 + i32::try_from(id as u32 * 100 + at).unwrap());
            let tokens: Vec<i32> = beginning.chain(own).collect();
            if open.len() >= keep_open {
                cache.close(open.remove(0).sequence, &mut acts);
                follow(&mut shadow, &mut acts);
            }
            if !cache.make_room(made.shared + made.own + made.reply, &mut acts) {
                follow(&mut shadow, &mut acts);
                continue;
            }
            follow(&mut shadow, &mut acts);
            let promised = cache.find_beginning(made.scope, &tokens);
            let opened = cache.open(id as u64, made.scope, &tokens, true, &mut acts).unwrap();
            let ready = promised.map_or(0, |found| found.ready());
            // Making a sequence free may cost the very one that was found.
            prop_assert!(opened.cached <= ready);
            follow(&mut shadow, &mut acts);
            let cells = shadow.entry(opened.sequence).or_default();
            prop_assert_eq!(cells.len(), opened.cached as usize);
            for (at, (token, scope)) in cells.iter().enumerate() {
                prop_assert_eq!(*token, tokens[at]);
                prop_assert_eq!(scope.set, made.scope.set);
                let house = scope.house_tokens.min(made.scope.house_tokens) as usize;
                prop_assert!(scope.lane == made.scope.lane || at < house, "{at} of another's");
            }
            // What it took over was computed for others as well; from now on it counts as its own,
            // up to what the house gave.
            for cell in cells.iter_mut() {
                cell.1 = made.scope;
            }
            let reply = (0..made.reply).map(|at| 500_000 + i32::try_from(at).unwrap());
            for &token in &tokens[opened.cached as usize..] {
                cells.push((token, made.scope));
            }
            cache.computed(opened.sequence, count(&tokens) - opened.cached);
            for token in reply {
                cache.push(opened.sequence, token);
                cache.computed(opened.sequence, 1);
                cells.push((token, made.scope));
            }
            open.push(opened);
            prop_assert!(apart || cache.used_tokens() <= 400);
            prop_assert!(cells.len() <= 120);
        }
        for opened in open {
            cache.close(opened.sequence, &mut acts);
        }
        cache.shrink_to(0, &mut acts);
        prop_assert_eq!(cache.used_tokens(), 0);
        prop_assert_eq!(cache.free.len(), 6);
    }
}

fn streams(sequences: u32) -> PrefixCache {
    PrefixCache::new(sequences, Layout::Streams { tokens_each: 960 })
}

#[test]
fn where_sequences_lie_apart_what_goes_on_is_taken_over_and_what_branches_is_copied() {
    let mut cache = streams(4);
    let mut acts = Vec::new();
    let first = run(&mut cache, NOBODY, &tokens(0..100));
    let on = cache.open(2, NOBODY, &tokens(0..150), true, &mut acts);
    assert_eq!(
        on.map(|on| (on.sequence, on.cached)),
        Some((first.sequence, 100))
    );
    assert_eq!(acts, [], "it lies where it is wanted");
    cache.computed(first.sequence, 50);
    cache.close(first.sequence, &mut acts);
    // Another answer to the last question loses little of it.
    let again: Vec<i32> = (0..140).chain(700..710).collect();
    let again = cache.open(3, NOBODY, &again, true, &mut acts).unwrap();
    assert_eq!((again.sequence, again.cached), (first.sequence, 140));
    let trim = Act::Trim {
        sequence: first.sequence,
        tokens: 140,
    };
    assert_eq!(acts, [trim]);
    cache.computed(again.sequence, 10);
    cache.close(again.sequence, &mut acts);
    acts.clear();
    // A new conversation with the same beginning leaves the old one alone.
    let branch: Vec<i32> = (0..60).chain(800..900).collect();
    let branch = cache.open(4, NOBODY, &branch, true, &mut acts).unwrap();
    assert_ne!(branch.sequence, first.sequence);
    assert_eq!(branch.cached, 60);
    let share = Act::Share {
        from: first.sequence,
        to: branch.sequence,
        tokens: 60,
    };
    assert_eq!(acts, [share]);
}

#[test]
fn those_of_one_set_lie_side_by_side_and_sets_apart() {
    let mut cache = streams(10);
    let mut acts = Vec::new();
    let mut placed: Vec<Vec<u32>> = vec![Vec::new(); 4];
    for (request, set) in (0..2).flat_map(|_| 0..4).enumerate() {
        let request = request as u64;
        let scope = Scope {
            set,
            lane: request,
            house_tokens: 0,
        };
        let opened = cache.open(request, scope, &tokens(0..9), true, &mut acts);
        placed[set as usize].push(opened.unwrap().sequence);
    }
    for pair in placed {
        assert_eq!(pair[0].abs_diff(pair[1]), 1, "{pair:?}");
    }
}

#[test]
fn a_short_beginning_is_sooner_computed_than_copied() {
    let mut cache = streams(4);
    run(&mut cache, NOBODY, &tokens(0..100));
    let branch = |shared: i32| -> Vec<i32> { (0..shared).chain(800..900).collect() };
    assert_eq!(cache.find_ready(NOBODY, &branch(19)), Some(0));
    assert_eq!(cache.find_ready(NOBODY, &branch(20)), Some(20));
}

#[test]
fn the_only_room_there_is_is_taken_over_by_whoever_shares_its_beginning() {
    let mut cache = streams(1);
    let of = |lane| Scope {
        lane,
        house_tokens: 40,
        set: 0,
    };
    run(&mut cache, of(1), &tokens(0..100));
    let mut acts = Vec::new();
    let other: Vec<i32> = (0..60).chain(800..900).collect();
    assert!(cache.make_room(500, &mut acts));
    let opened = cache.open(2, of(2), &other, true, &mut acts).unwrap();
    assert_eq!(opened.cached, 40);
    assert_eq!(
        acts,
        [Act::Trim {
            sequence: opened.sequence,
            tokens: 40
        }]
    );
    assert!(!cache.make_room(1, &mut acts), "it is taken");
}
