//! Long lists read from the latest backwards, with only what somebody wants to see.
//!
//! However few are wanted, one page reads no more than [`SCANNED`] records: then it is given as it
//! is, with the place to go on from. Called by the rooms here that list what grows without end.

use crate::error::Result;

/// Records that are read for one page.
const SCANNED: usize = 10_000;
/// Records that are held at once.
const PIECE: usize = 1_000;

/// Of a list with `key_of` in falling order.
pub(super) struct ScannedPage<R, K> {
    pub(super) found: Vec<R>,
    /// Give it as `before` for what comes next; None: there is no more.
    pub(super) next_before: Option<K>,
}

/// Up to `limit` records that are wanted. `read` gives up to so many in front of a key, latest first.
pub(super) fn scan_back<R, K: Copy>(
    before: Option<K>,
    limit: usize,
    read: impl Fn(Option<K>, usize) -> Result<Vec<R>>,
    key_of: impl Fn(&R) -> K,
    mut is_wanted: impl FnMut(&R) -> bool,
) -> Result<ScannedPage<R, K>> {
    let (mut found, mut last, mut scanned) = (Vec::new(), before, 0);
    // Where all are wanted the first piece is the whole page.
    let mut size = limit + 1;
    loop {
        let piece = read(last, size)?;
        let is_end = piece.len() < size;
        for record in piece {
            if found.len() == limit || scanned == SCANNED {
                return Ok(ScannedPage {
                    found,
                    next_before: last,
                });
            }
            last = Some(key_of(&record));
            scanned += 1;
            if is_wanted(&record) {
                found.push(record);
            }
        }
        if is_end {
            return Ok(ScannedPage {
                found,
                next_before: None,
            });
        }
        size = (2 * size).min(PIECE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    /// The numbers below `count`, the greatest first, and how many were read of them.
    fn numbers(count: u64, read: &Cell<usize>) -> impl Fn(Option<u64>, usize) -> Result<Vec<u64>> {
        move |before, limit| {
            let below = before.unwrap_or(count).min(count);
            let piece: Vec<u64> = (0..below).rev().take(limit).collect();
            read.set(read.get() + piece.len());
            Ok(piece)
        }
    }

    fn page(before: Option<u64>, limit: usize, count: u64, of: u64) -> ScannedPage<u64, u64> {
        let read = Cell::new(0);
        let is_wanted = |number: &u64| number.is_multiple_of(of);
        let page = scan_back(before, limit, numbers(count, &read), |it| *it, is_wanted).unwrap();
        assert!(read.get() <= SCANNED + PIECE, "{} were read", read.get());
        page
    }

    #[test]
    fn a_page_that_finds_nothing_ends_and_says_where_to_go_on() {
        let count = 3 * SCANNED as u64;
        let first = page(None, 50, count, count);
        assert!(first.found.is_empty());
        assert_eq!(first.next_before, Some(count - SCANNED as u64));
    }

    #[test]
    fn where_all_are_wanted_nothing_is_read_in_vain() {
        let read = Cell::new(0);
        let all = scan_back(None, 50, numbers(500, &read), |it| *it, |_| true).unwrap();
        assert_eq!((all.found.len(), all.next_before), (50, Some(450)));
        assert_eq!(read.get(), 51);
    }

    proptest! {
        #[test]
        fn pages_give_each_wanted_record_once_in_order(
            count in 0_u64..25_000, limit in 1_usize..120, of in 1_u64..9_000
        ) {
            let wanted: Vec<u64> = (0..count).rev().filter(|it| it % of == 0).collect();
            let (mut found, mut before) = (Vec::new(), None);
            // Each page finds its limit, or reads what it may.
            let most = wanted.len() / limit + usize::try_from(count).unwrap() / SCANNED + 2;
            for _ in 0..most {
                let page = page(before, limit, count, of);
                found.extend(page.found);
                before = page.next_before;
                if before.is_none() {
                    break;
                }
            }
            prop_assert_eq!(before, None);
            prop_assert_eq!(found, wanted);
        }
    }
}
