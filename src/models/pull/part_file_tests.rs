//! What is believed of an earlier attempt, and what is not. Nothing here downloads.

use proptest::prelude::*;

use super::*;

fn identity(version: Option<&str>) -> Identity {
    Identity {
        source: "https://hub.example/a/b".into(),
        size_bytes: 1000,
        version: version.map(str::to_owned),
        sha256: None,
    }
}

fn resume(part: &PartFile, identity: &Identity, piece_bytes: u64) -> Vec<Piece> {
    part.resume(identity, piece_bytes, &CancellationToken::new())
        .unwrap()
}

fn indices(missing: &[Piece]) -> Vec<usize> {
    missing.iter().map(|piece| piece.index).collect()
}

/// Writes pieces 0 and 2 of three.
fn begun(target: &Path, identity: &Identity) {
    let part = PartFile::lock(target).unwrap();
    let missing = resume(&part, identity, 400);
    let spans: Vec<_> = missing.iter().map(|it| (it.first, it.length)).collect();
    assert_eq!(spans, [(0, 400), (400, 400), (800, 200)]);
    for piece in [missing[0], missing[2]] {
        let bytes = vec![piece.index as u8 + 1; usize::try_from(piece.length).unwrap()];
        let mut file = &part.file;
        file.seek(SeekFrom::Start(piece.first)).unwrap();
        file.write_all(&bytes).unwrap();
        part.finish_piece(piece.index, crc32fast::hash(&bytes))
            .unwrap();
    }
}

#[test]
fn whole_pieces_are_kept_and_the_rest_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("m.gguf");
    let it = identity(Some("v1"));
    begun(&target, &it);
    assert_eq!(kept_bytes(&target), 600);
    let part = PartFile::lock(&target).unwrap();
    assert_eq!(indices(&resume(&part, &it, 100)), [1]);
    assert_eq!(part.done_bytes(), 600);
}

#[test]
fn what_was_not_looked_at_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("m.gguf");
    assert!(!PartFile::lock(&target).unwrap().is_worth_keeping());
    begun(&target, &identity(Some("v1")));
    let part = PartFile::lock(&target).unwrap();
    assert!(part.is_worth_keeping());
    part.clear().unwrap();
    assert!(!part.is_worth_keeping());
}

#[test]
fn another_version_or_none_begins_anew() {
    for (before, now) in [(Some("v1"), Some("v2")), (None, None), (Some("v1"), None)] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("m.gguf");
        begun(&target, &identity(before));
        let part = PartFile::lock(&target).unwrap();
        let missing = resume(&part, &identity(now), 400);
        assert_eq!(indices(&missing), [0, 1, 2], "{before:?} {now:?}");
        let bytes = fs::read(part_path(&target)).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0), "nothing old is left");
    }
}

#[test]
fn a_piece_whose_bytes_did_not_reach_the_disk_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("m.gguf");
    let it = identity(Some("v1"));
    begun(&target, &it);
    let file = File::options()
        .write(true)
        .open(part_path(&target))
        .unwrap();
    file.set_len(900).unwrap();
    let part = PartFile::lock(&target).unwrap();
    assert_eq!(indices(&resume(&part, &it, 400)), [1, 2]);
}

#[test]
fn two_pulls_never_write_into_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("m.gguf");
    let part = PartFile::lock(&target).unwrap();
    let refused = PartFile::lock(&target).err().unwrap();
    assert!(refused.message.contains("being pulled"));
    assert!(discard(&target).is_err());
    drop(part);
    discard(&target).unwrap();
    assert!(!part_path(&target).exists());
}

#[cfg(unix)]
#[test]
fn a_link_in_its_place_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("m.gguf");
    let elsewhere = folder.path().join("precious");
    fs::write(&elsewhere, "words").unwrap();
    std::os::unix::fs::symlink(&elsewhere, part_path(&target)).unwrap();
    assert!(PartFile::lock(&target).is_err());
    assert_eq!(fs::read(&elsewhere).unwrap(), b"words");
}

proptest! {
    #[test]
    fn a_torn_list_is_as_if_it_were_not_there(cut in 0_usize..200, flip in 0_usize..200) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("m.gguf");
        let it = identity(Some("v1"));
        begun(&target, &it);
        let list = list_path(&target);
        let mut bytes = fs::read(&list).unwrap();
        if let Some(byte) = bytes.get_mut(flip) {
            *byte ^= 1;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        fs::write(&list, &bytes).unwrap();
        let part = PartFile::lock(&target).unwrap();
        let missing = resume(&part, &it, 400);
        // Whatever the list says: what is not asked for again is there.
        let asked = |at: u64| missing.iter().any(|it| (it.first..it.first + it.length).contains(&at));
        let bytes = fs::read(part_path(&target)).unwrap();
        for (at, byte) in bytes.iter().enumerate() {
            let expected = at as u64 / 400 + 1;
            prop_assert!(asked(at as u64) || (u64::from(*byte) == expected && expected != 2));
        }
    }
}
