//! `model pull` against a hub that misbehaves in every way one has been seen to: what is offered at
//! the end is exactly what was promised, or nothing is. What was whole is never asked for twice.

use std::time::{Duration, Instant};

use crate::support::{
    HubFile, PIECE, PULLED_BYTES, Pulling, REPOSITORY, model_bytes, names, run_to_end, sentence,
    sha256,
};

#[test]
fn a_model_is_pulled_in_pieces_and_said_to_fit() {
    let pulling = Pulling::new();
    let said = pulling.pulled(REPOSITORY);
    pulling.is_whole();
    for part in [
        "m-Q8_0.gguf: 1.1 MB",
        "fits: needs about",
        "tokens a second",
        "Pulled m-Q8_0",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let mut ranges = pulling.hub.ranges();
    ranges.sort();
    let firsts: Vec<u64> = ranges.iter().map(|(first, _)| *first).collect();
    let expected: Vec<u64> = (0..PULLED_BYTES as u64).step_by(PIECE as usize).collect();
    assert_eq!(firsts, expected, "every piece once");
    let again = pulling.refused(REPOSITORY);
    assert!(again.contains("already"), "{again}");
}

#[test]
fn a_server_that_knows_no_parts_is_read_in_one_go() {
    let pulling = Pulling::new();
    pulling.hub.misbehave(|faults| faults.no_ranges = true);
    pulling.pulled(REPOSITORY);
    pulling.is_whole();
}

#[test]
fn an_address_whose_size_nobody_says_is_read_to_its_end() {
    let pulling = Pulling::new();
    pulling.hub.misbehave(|faults| {
        faults.no_ranges = true;
        faults.no_length = true;
    });
    pulling.pulled(&format!("{}/m-Q8_0.gguf", pulling.hub.bytes_base));
    pulling.is_whole();
}

#[test]
fn a_connection_that_is_cut_goes_on_where_it_ended() {
    let pulling = Pulling::new();
    pulling.hub.misbehave(|faults| faults.cut = (2, 10_000));
    pulling.pulled(REPOSITORY);
    pulling.is_whole();
    let within = |(first, _): &(u64, u64)| first % PIECE == 10_000;
    assert_eq!(
        pulling.hub.ranges().iter().filter(|it| within(it)).count(),
        2
    );
}

#[test]
fn a_server_that_is_busy_for_a_moment_is_asked_again() {
    let pulling = Pulling::new();
    pulling.hub.misbehave(|faults| {
        let busy = [(500, ""), (503, ""), (429, "retry-after: 1\r\n")];
        faults.statuses.extend(busy);
    });
    let begun = Instant::now();
    pulling.pulled(REPOSITORY);
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "it did not wait as it was asked to"
    );
    pulling.is_whole();
}

#[test]
fn a_server_that_asks_to_wait_for_an_hour_is_left_alone() {
    let pulling = Pulling::new();
    let patient = (429, "retry-after: 3600\r\n");
    pulling
        .hub
        .misbehave(|faults| faults.statuses.push_back(patient));
    let said = pulling.refused(REPOSITORY);
    assert!(said.contains("3600 seconds"), "{said}");
    pulling.pulled(REPOSITORY);
    pulling.is_whole();
}

#[test]
fn wrong_parts_are_not_believed() {
    let pulling = Pulling::new();
    pulling.hub.misbehave(|faults| faults.wrong_ranges = true);
    let said = pulling.refused(REPOSITORY);
    assert!(
        said.contains("another part than it was asked for"),
        "{said}"
    );
    pulling.hub.misbehave(|faults| faults.wrong_ranges = false);
    pulling.pulled(REPOSITORY);
    pulling.is_whole();
}

#[test]
fn a_trickle_is_given_up_and_what_was_whole_is_kept() {
    let pulling = Pulling::new();
    pulling
        .hub
        .misbehave(|faults| faults.budget = Some(5 * PIECE as usize));
    let mut command = pulling.command(REPOSITORY);
    command.env("CHATELAINE_MODELS__STALL_TIMEOUT_MS", "300");
    let said = sentence(&run_to_end(&mut command));
    assert!(said.contains("pull again"), "{said}");
    pulling.hub.misbehave(|faults| {
        faults.budget = None;
        faults.trickle = true;
    });
    let said = sentence(&run_to_end(&mut command));
    assert!(said.contains("silent"), "{said}");
    assert!(pulling.names().contains(&"m-Q8_0.gguf.part".to_owned()));

    for status in [503, 403, 404] {
        pulling.hub.misbehave(|faults| {
            faults.trickle = false;
            faults.bytes_status = Some(status);
        });
        pulling.refused(REPOSITORY);
    }

    pulling.hub.misbehave(|faults| faults.bytes_status = None);
    pulling.hub.forget();
    let said = pulling.pulled(REPOSITORY);
    assert!(said.contains("are here already"), "{said}");
    assert!(pulling.hub.ranges().len() < 17, "it began anew");
    pulling.is_whole();
}

#[test]
fn a_wrong_checksum_is_refused_and_nothing_is_left() {
    let pulling = Pulling::new();
    let mut file = HubFile::new("m-Q8_0.gguf", pulling.bytes.clone());
    file.listed_sha256 = Some("0".repeat(64));
    pulling.hub.replace(vec![file]);
    let said = pulling.refused(REPOSITORY);
    assert!(said.contains(&sha256(&pulling.bytes)), "{said}");
    assert_eq!(pulling.names(), Vec::<String>::new());

    let address = format!("{}/m-Q8_0.gguf", pulling.hub.bytes_base);
    let mut command = pulling.command(&address);
    let said = sentence(&run_to_end(command.args(["--sha256", &"1".repeat(64)])));
    assert!(said.contains("sha256"), "{said}");
    assert_eq!(pulling.names(), Vec::<String>::new());
    let mut command = pulling.command(&address);
    let right = sha256(&pulling.bytes).to_uppercase();
    assert!(
        run_to_end(command.args(["--sha256", &right]))
            .status
            .success()
    );
    pulling.is_whole();
}

#[test]
fn what_is_no_model_is_refused_in_the_words_of_the_library() {
    let pulling = Pulling::new();
    let page = b"<html>please sign in to download</html>".repeat(10);
    pulling.hub.replace(vec![HubFile::new("m-Q8_0.gguf", page)]);
    let said = pulling.refused(REPOSITORY);
    assert!(said.contains("it is not a GGUF model file"), "{said}");
    assert_eq!(pulling.names(), Vec::<String>::new());
}

#[test]
fn a_file_that_changes_while_it_comes_is_begun_anew() {
    let pulling = Pulling::new();
    let address = format!("{}/m-Q8_0.gguf", pulling.hub.bytes_base);
    pulling
        .hub
        .misbehave(|faults| faults.budget = Some(4 * PIECE as usize));
    let mut command = pulling.command(&address);
    command.env("CHATELAINE_MODELS__STALL_TIMEOUT_MS", "300");
    sentence(&run_to_end(&mut command));
    let bytes = model_bytes(PULLED_BYTES, 2);
    pulling
        .hub
        .replace(vec![HubFile::new("m-Q8_0.gguf", bytes.clone())]);
    pulling.hub.misbehave(|faults| faults.budget = None);
    pulling.pulled(&address);
    let file = std::fs::read(pulling.models().join("m-Q8_0.gguf")).expect("the model");
    assert!(file == bytes, "old and new were put together");
}

#[test]
fn a_size_that_differs_from_the_listed_one_is_refused() {
    let pulling = Pulling::new();
    let mut file = HubFile::new("m-Q8_0.gguf", pulling.bytes.clone());
    file.listed_size += 1;
    pulling.hub.replace(vec![file]);
    let said = pulling.refused(REPOSITORY);
    assert!(said.contains("were promised"), "{said}");
    assert_eq!(pulling.names(), Vec::<String>::new());
}

#[test]
fn what_the_disk_cannot_hold_is_refused_before_a_byte_comes() {
    let pulling = Pulling::new();
    let mut file = HubFile::new("m-Q8_0.gguf", pulling.bytes.clone());
    file.listed_size = 1 << 60;
    pulling.hub.replace(vec![file]);
    let said = pulling.refused(REPOSITORY);
    assert!(said.contains("the disk has no room"), "{said}");
    assert!(pulling.hub.asked().iter().all(|asked| !asked.for_bytes));
}

#[test]
fn what_is_not_there_or_not_for_everybody_is_said() {
    let pulling = Pulling::new();
    for (source, part) in [
        ("house/nothing-GGUF", "has no repository"),
        ("house/models-GGUF:Q2_K", "no such file"),
        ("nonsense", "this is no repository"),
    ] {
        let said = pulling.refused(source);
        assert!(said.contains(part), "{part} in {said}");
    }
    for status in [401, 403] {
        pulling
            .hub
            .misbehave(|faults| faults.hub_status = Some(status));
        let said = pulling.refused(REPOSITORY);
        for part in [
            "gated",
            &format!("{}/{REPOSITORY}", pulling.hub.base),
            "hub_token",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    let mut command = pulling.command(REPOSITORY);
    let nowhere = command.env("CHATELAINE_MODELS__HUB", "http://127.0.0.1:1");
    let said = sentence(&run_to_end(nowhere));
    assert!(said.contains("cannot be reached"), "{said}");
}

#[test]
fn the_access_token_goes_to_the_hub_and_nowhere_else() {
    let pulling = Pulling::new();
    let mut command = pulling.command(REPOSITORY);
    command.env("CHATELAINE_MODELS__HUB_TOKEN", "hf_secret");
    let output = run_to_end(&mut command);
    assert!(output.status.success());
    let said = format!("{output:?}");
    assert!(!said.contains("hf_secret"), "{said}");
    for asked in pulling.hub.asked() {
        let expected = (!asked.for_bytes).then_some("Bearer hf_secret");
        assert_eq!(asked.authorization.as_deref(), expected, "{asked:?}");
    }
    assert!(pulling.hub.asked().iter().any(|asked| asked.for_bytes));
}

#[test]
fn a_model_in_parts_is_pulled_whole() {
    let pulling = Pulling::new();
    let (one, two) = (model_bytes(300_000, 1), model_bytes(200_000, 2));
    let first = HubFile::new("Q8_0/big-Q8_0-00001-of-00002.gguf", one.clone());
    let second = HubFile::new("Q8_0/big-Q8_0-00002-of-00002.gguf", two.clone());
    let mut wrong = first.clone();
    wrong.listed_sha256 = Some("0".repeat(64));
    pulling.hub.replace(vec![wrong, second.clone()]);
    pulling.refused(REPOSITORY);
    assert_eq!(
        pulling.names(),
        ["big-Q8_0-00002-of-00002.gguf"],
        "which is no model by itself"
    );
    pulling.hub.replace(vec![first, second]);
    pulling.pulled(REPOSITORY);
    let read = |name: &str| std::fs::read(pulling.models().join(name)).expect("a part");
    assert!(read("big-Q8_0-00001-of-00002.gguf") == one);
    assert!(read("big-Q8_0-00002-of-00002.gguf") == two);
    let asked = pulling.hub.asked();
    let bytes = asked.iter().filter(|it| it.is_for_more_than_a_look());
    let of_second = bytes.filter(|it| it.path.contains("00002-of")).count();
    assert_eq!(of_second, 4, "it came once, in four pieces");
}

#[test]
fn no_name_of_a_hub_leads_out_of_the_folder() {
    let pulling = Pulling::new();
    for path in [
        "../../../evil-Q8_0.gguf",
        "/evil-Q8_0.gguf",
        "a/../../../evil-Q8_0.gguf",
    ] {
        let evil = HubFile::new(path, pulling.bytes.clone());
        pulling.hub.replace(vec![evil]);
        let said = pulling.refused(REPOSITORY);
        assert!(said.contains("no GGUF file"), "{said}");
    }
    assert_eq!(names(pulling.folder.path()), ["models"]);
    assert!(pulling.hub.asked().iter().all(|asked| !asked.for_bytes));
}

#[test]
fn where_several_models_could_be_meant_they_are_listed() {
    let pulling = Pulling::new();
    pulling.hub.replace(vec![
        HubFile::new("a-Q4_K_M.gguf", model_bytes(1000, 1)),
        HubFile::new("b-Q4_K_M.gguf", model_bytes(1000, 2)),
    ]);
    let said = pulling.refused(REPOSITORY);
    assert!(
        said.contains("a-Q4_K_M.gguf") && said.contains("b-Q4_K_M.gguf"),
        "{said}"
    );
    pulling.pulled(&format!("{REPOSITORY}:b-Q4_K_M.gguf"));
    assert_eq!(pulling.names(), ["b-Q4_K_M.gguf"]);
}

#[test]
fn ctrl_c_keeps_what_has_come_and_says_so() {
    let pulling = Pulling::new();
    pulling
        .hub
        .misbehave(|faults| faults.budget = Some(6 * PIECE as usize));
    let child = pulling.command(REPOSITORY).spawn().expect("it starts");
    let list = pulling.models().join("m-Q8_0.gguf.part.json");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !list.exists() {
        assert!(Instant::now() < deadline, "no piece became whole");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("a signal");
    let said = sentence(&child.wait_with_output().expect("it ends"));
    assert!(said.contains("pull again"), "{said}");
    pulling.hub.misbehave(|faults| faults.budget = None);
    pulling.hub.forget();
    pulling.pulled(REPOSITORY);
    assert!(pulling.hub.ranges().len() < 17, "it began anew");
    pulling.is_whole();
}
