//! What an earlier version took: a house that is brought up to date goes on with its plugins as they
//! are. Nobody may write them so now, but no door is shut or opened by that.

use std::path::Path;

use chatelaine::plugins::{PluginChange, PluginState, PriceVerdict, RegistrationVerdict};
use chatelaine::store::Store;
use chatelaine::store::plugins::{PluginRecord, find_plugin, put_plugin};
use tempfile::TempDir;

use crate::plugins::registration;
use crate::plugins_asked::{Admin, Room, pricing, refused};
use crate::plugins_server::SlowServer;

const GUARD: &str = "registration_before_accept";
const PRICE: &str = "fn message_price(user, model, usage) { 7 }";

fn manifest(name: &str, hook: &str, more: &str) -> String {
    format!("name = \"{name}\"\nversion = \"1\"\nhooks = [\"{hook}\"]\n{more}\n")
}

fn write(folder: &Path, name: &str, manifest: &str) {
    let file = folder.join("plugins").join(name).join("plugin.toml");
    std::fs::write(file, manifest).expect("a file can be written");
}

/// While the house is closed.
async fn change_record(folder: &TempDir, name: &'static str, change: fn(&mut PluginRecord)) {
    let store = Store::open(&folder.path().join("plugins.redb"), 1 << 20).expect("a store");
    let changed = store.write(move |tx| {
        let mut record = find_plugin(tx, name)?.expect("a record");
        change(&mut record);
        put_plugin(tx, name, &record)
    });
    changed.await.expect("it can be changed");
}

fn set(enabled: bool) -> PluginChange {
    PluginChange {
        enabled: Some(enabled),
        ..PluginChange::default()
    }
}

#[tokio::test]
async fn a_manifest_that_nobody_may_write_any_more_goes_on_as_it_did() {
    let room = Room::open().await;
    room.add("price", "message_price", PRICE.into(), "").await;
    let folder = room.close().await;
    let outdated = manifest("price", "message_price", "on_failure = \"refuse\"");
    write(folder.path(), "price", &outdated);
    change_record(&folder, "price", |record| record.hooks.clear()).await;
    let room = Room::open_in(folder).await;
    assert_eq!(room.state("price").await, PluginState::On);
    let price = room.plugins.message_price(&pricing()).await;
    assert_eq!(price, PriceVerdict::Tokens(7));
    let open = RegistrationVerdict::Allowed(Default::default());
    assert_eq!(room.register().await, open);
    let edit = PluginChange {
        manifest: Some(outdated),
        ..PluginChange::default()
    };
    let refused = room.plugins.change(&Admin, "price", edit).await;
    let error = refused.expect_err("nobody may write it now");
    assert!(error.message.contains("line 4"), "{error}");
    room.close().await;
}

#[tokio::test]
async fn files_that_are_no_good_shut_only_what_they_say_they_are_for() {
    let room = Room::open().await;
    room.add("price", "message_price", PRICE.into(), "").await;
    let folder = room.close().await;
    let bad = "hosts = [\"http://example.org\"]";
    write(
        folder.path(),
        "price",
        &manifest("price", "message_price", bad),
    );
    change_record(&folder, "price", |record| record.hooks.clear()).await;
    let room = Room::open_in(folder).await;
    assert_eq!(room.state("price").await, PluginState::Broken);
    let open = RegistrationVerdict::Allowed(Default::default());
    assert_eq!(room.register().await, open);

    room.guard("guard", "allow()").await;
    let folder = room.close().await;
    write(folder.path(), "guard", &manifest("guard", GUARD, bad));
    change_record(&folder, "guard", |record| record.hooks.clear()).await;
    let room = Room::open_in(folder).await;
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Refused { plugin, .. } if plugin == "guard"
    ));
    room.close().await;
}

#[tokio::test]
async fn a_plugin_whose_settings_are_too_much_by_now_can_be_turned_off() {
    let room = Room::open().await;
    room.guard("full", "refuse(\"no\")").await;
    let folder = room.close().await;
    let list = |n| {
        let all = vec!["x"; 500];
        format!("[[settings]]\nname = \"l{n}\"\ntype = \"list of strings\"\ndefault = {all:?}\n")
    };
    let lists: String = (0..30).map(list).collect();
    write(folder.path(), "full", &manifest("full", GUARD, &lists));
    let room = Room::open_in(folder).await;
    let off = room.plugins.change(&Admin, "full", set(false)).await;
    assert!(!off.expect("it can be turned off").summary.enabled);
    let open = RegistrationVerdict::Allowed(Default::default());
    assert_eq!(room.register().await, open);
    let on = room.plugins.change(&Admin, "full", set(true)).await;
    assert!(on.is_err(), "it is too much to be turned on");
    room.close().await;
}

#[tokio::test]
async fn a_host_that_was_confirmed_when_any_name_could_lead_into_the_house_still_does() {
    let server = SlowServer::taking(std::time::Duration::ZERO).await;
    let port = server.address.rsplit(':').next().expect("a port");
    let host = format!("rebound.localhost:{port}");
    let body = format!(
        "let said = (); try {{ said = http_get(\"http://{host}/\").status; }} catch (e) {{ said = \"not\"; }} refuse(`${{said}}`)"
    );
    let room = Room::open().await;
    let hosts = format!("hosts = [\"{host}\"]");
    room.add("caller", GUARD, registration(&body), &hosts).await;
    let confirm = |hosts: &[&String]| PluginChange {
        confirmed_hosts: Some(hosts.iter().map(|host| (*host).clone()).collect()),
        ..PluginChange::default()
    };
    let confirmed = room
        .plugins
        .change(&Admin, "caller", confirm(&[&host]))
        .await;
    confirmed.expect("it is asked for");
    assert_eq!(room.register().await, refused("caller", "not"));

    let folder = room.close().await;
    change_record(&folder, "caller", |record| record.hosts_from_before = None).await;
    let room = Room::open_in(folder).await;
    assert_eq!(room.register().await, refused("caller", "200"));
    let again: [(&[&String], &str); 3] = [(&[&host], "200"), (&[], "not"), (&[&host], "not")];
    for (hosts, said) in again {
        let changed = room.plugins.change(&Admin, "caller", confirm(hosts)).await;
        changed.expect("it is asked for");
        assert_eq!(room.register().await, refused("caller", said), "{hosts:?}");
    }
    room.close().await;
}
