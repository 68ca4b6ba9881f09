//! What is read of GGUF files, and that no file, however damaged, is more than refused.
//!
//! The files are made by `writer_tests.rs`.

use std::io::Cursor;

use super::writer_tests::{LIST, TEXT, TestFile, adapter, model};
use super::*;

#[expect(
    dead_code,
    reason = "the engine's tests write adapters with it as well"
)]
#[path = "../../../tests/engine/tiny_gguf.rs"]
mod tiny_gguf;

use tiny_gguf::{Random, SPECIALS, TinyModel};

fn read(bytes: &[u8]) -> Result<Gguf, Fault> {
    Gguf::read(Cursor::new(bytes))
}

fn reason(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(Fault::Damaged(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_of_every_kind_are_read() {
    let kinds: [(u32, &[u8], Value); 12] = [
        (0, &[200], Value::Whole(Kind::U8, 200)),
        (1, &[0xFF], Value::Whole(Kind::I8, -1)),
        (2, &[1, 2], Value::Whole(Kind::U16, 513)),
        (3, &[0xFE, 0xFF], Value::Whole(Kind::I16, -2)),
        (4, &[0xFF; 4], Value::Whole(Kind::U32, 0xFFFF_FFFF)),
        (5, &[0xFF; 4], Value::Whole(Kind::I32, -1)),
        (6, &1.5_f32.to_le_bytes(), Value::F32(1.5)),
        (7, &[1], Value::Bool(true)),
        (8, b"\x02\0\0\0\0\0\0\0hi", Value::Text("hi".into())),
        (
            10,
            &[0xFF; 8],
            Value::Whole(Kind::U64, i128::from(u64::MAX)),
        ),
        (11, &[0xFF; 8], Value::Whole(Kind::I64, -1)),
        (12, &2.5_f64.to_le_bytes(), Value::F64(2.5)),
    ];
    for (kind, stored, value) in kinds {
        let read = read(&TestFile::default().with("key", kind, stored).bytes()).unwrap();
        assert_eq!(read.get("key"), Some(&value));
    }
    let lists = TestFile::default()
        .texts("texts", &["a", "", "", "b", "a"])
        .numbers("numbers", 5, &[3, -4, 5]);
    let read = read(&lists.bytes()).unwrap();
    let (Some(Value::List(texts)), Some(Value::List(numbers))) =
        (read.get("texts"), read.get("numbers"))
    else {
        panic!("{read:?}")
    };
    assert_eq!((texts.count, texts.repeated), (5, Some(4)));
    assert_eq!(numbers.numbers, [3, -4, 5]);
    assert_eq!(numbers.bounds, Some((-4, 5)));
}

#[test]
fn a_models_tensors_are_read_and_lie_in_the_file() {
    let model = TinyModel::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    model.write(&path);
    let read = Gguf::open(&path).unwrap();
    assert_eq!(read.text("general.architecture"), "qwen3");
    assert_eq!(read.whole("qwen3.block_count"), Some(2));
    let first = &read.tensors[0];
    let tokens = 256 + SPECIALS.len() as u64 + 6;
    assert_eq!(
        (first.name.as_str(), first.sizes),
        ("token_embd.weight", [64, tokens, 1, 1])
    );
    let bytes = model.bytes();
    assert!(reason(&bytes[..bytes.len() - 32]).contains("cut off"));
}

#[test]
fn damage_is_named() {
    let file = TestFile::default;
    let long = |count: u64| [&TEXT.to_le_bytes()[..], &count.to_le_bytes()].concat();
    let mut twice = file().number("b", 1).bytes();
    twice[16] = 2;
    twice.truncate(24 + 8 + 1 + 4 + 4);
    twice.extend([1, 0, 0, 0, 0, 0, 0, 0, b'b', 0, 0, 0, 0, 7]);
    for (bytes, part) in [
        (file().with("a", 13, &[0; 8]).bytes(), "no kind of value 13"),
        (file().with("a", LIST, &long(u64::MAX)).bytes(), "too long"),
        (file().with("a", LIST, &long(1 << 40)).bytes(), "incomplete"),
        (
            file()
                .with("a", LIST, &[9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
                .bytes(),
            "a list in a list",
        ),
        (
            file().with("a", TEXT, &(1_u64 << 50).to_le_bytes()).bytes(),
            "incomplete",
        ),
        (file().number("", 1).bytes(), "empty"),
        (twice, "\"b\" is empty or there twice"),
        (
            file().tensor("a", &[1]).tensor("a", &[1]).bytes(),
            "a is there twice",
        ),
        (file().tensor("a", &[1, 1, 1, 1, 1]).bytes(), "5 dimensions"),
        (
            file().tensor("a", &[4, 0]).bytes(),
            "a has impossible sizes",
        ),
        (
            file().tensor("a", &[1 << 31, 1 << 31, 1 << 31]).bytes(),
            "larger than any file",
        ),
        (file().tensor("a", &[1 << 40]).bytes(), "a is cut off"),
        (file().tensor(&"x".repeat(64), &[1]).bytes(), "too long"),
    ] {
        let found = reason(&bytes);
        assert!(found.contains(part), "{found} for {part}");
    }
}

#[test]
fn alignments_must_be_powers_of_two() {
    let file = TestFile::default;
    for (bytes, part) in [
        (
            file().number("general.alignment", 0).bytes(),
            "power of two",
        ),
        (
            file().number("general.alignment", 48).bytes(),
            "power of two",
        ),
        (
            file()
                .with("general.alignment", 10, &[32, 0, 0, 0, 0, 0, 0, 0])
                .bytes(),
            "right kind",
        ),
    ] {
        let found = reason(&bytes);
        assert!(found.contains(part), "{found} for {part}");
    }
    // Where the weights would lie at an odd place in memory.
    let odd = file().number("general.alignment", 1).tensor("a", &[1]);
    assert!(reason(&odd.bytes()).contains("odd place"));
}

#[test]
fn sizes_must_be_whole_blocks_of_a_known_kind() {
    for (kind, sizes, fits) in [
        (4, 32, false),
        (2, 32, true),
        (2, 33, false),
        (12, 256, true),
        (12, 32, false),
        (99, 256, false),
    ] {
        let mut odd = TestFile::default().tensor("a", &[sizes]);
        odd.tensors[0].kind = kind;
        assert_eq!(read(&odd.bytes()).is_ok(), fits, "{kind} {sizes}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let whole = adapter().bytes();
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} bytes");
    }
    assert!(read(&whole).is_ok());
}

/// The file with some bytes changed, one doubled, one left out or its end cut off.
fn mutate(whole: &[u8], header_bytes: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let mut below = |limit: usize| (random.next() >> 11) as usize % limit.max(1);
    for _ in 0..1 + below(4) {
        let at = below(header_bytes.min(bytes.len()));
        match below(6) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, b'x'),
            2 => bytes.truncate(at + below(bytes.len() - at)),
            3 => bytes[at] = 0xFF,
            4 => bytes[at] ^= 1 << below(8),
            _ => bytes[at] = below(256) as u8,
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn no_damage_does_more_than_be_refused() {
    let tiny = TinyModel::default().bytes();
    let small = [model("qwen3").bytes(), adapter().bytes()];
    let mut refused = 0;
    for seed in 0..2500_u64 {
        let random = &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let bytes = match seed % 10 {
            0 => mutate(&tiny, 12_000, random),
            kind => mutate(&small[kind as usize % 2], 1_200, random),
        };
        match read(&bytes) {
            Ok(read) => {
                let bytes_named: u64 = read.tensors.iter().map(|it| it.size_bytes).sum();
                assert!(bytes_named <= bytes.len() as u64);
            }
            Err(fault) => {
                assert!(matches!(fault, Fault::Damaged(_)), "{fault:?}");
                refused += 1;
            }
        }
    }
    assert!((500..2500).contains(&refused), "{refused} refused");
}
