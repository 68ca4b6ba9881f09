//! What scripts reach of the world: hosts that were confirmed, no redirect, no flood of an answer, and
//! no longer than the call has. No name of elsewhere leads them to a machine of the house.

use std::time::Duration;

use serde_json::{Value, json};

use crate::plugins::{PLUGINS, dry_run, registration};
use crate::plugins_server::{SlowServer, plain};
use crate::support::{House, Person, text};

const HOOK: &str = "registration_before_accept";

fn manifest(hosts: &str) -> String {
    format!("name = \"caller\"\nversion = \"1\"\nhooks = [\"{HOOK}\"]\nhosts = [{hosts}]\n")
}

async fn caller(ada: &Person, hosts: &[&str]) {
    let listed: Vec<String> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
    let source = registration("allow()");
    let new = json!({"name": "caller", "source": source, "manifest": manifest(&listed.join(", "))});
    ada.post(PLUGINS, new).await.ok(201);
    let confirmed = json!({"confirmed_hosts": hosts});
    let path = format!("{PLUGINS}/caller");
    ada.patch(&path, confirmed).await.ok(200);
}

/// What a script hears that asks there.
async fn ask(ada: &Person, url: &str) -> Value {
    let body = format!(
        "let said = (); try {{ let a = http_get(\"{url}\"); said = `${{a.status}} ${{a.body.len()}}`; }} catch (e) {{ said = e; }} refuse(said)"
    );
    let run = json!({"hook": HOOK, "source": registration(&body)});
    dry_run(ada, "caller", run).await
}

#[tokio::test]
async fn an_answer_is_bounded_in_size_and_time_and_a_redirect_is_an_answer() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let elsewhere = SlowServer::taking(Duration::ZERO).await;
    let target = elsewhere.address.clone();
    let server = SlowServer::start(Duration::ZERO, move |path| match path {
        "/large" => Some(plain(&"x".repeat((1 << 20) + 1))),
        "/full" => Some(plain(&"x".repeat(1 << 20))),
        "/away" => Some(format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{target}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )),
        "/never" => None,
        _ => Some(plain("ok")),
    })
    .await;
    caller(&ada, &[&server.address, &elsewhere.address]).await;
    let base = format!("http://{}", server.address);
    let said = ask(&ada, &format!("{base}/full")).await;
    assert_eq!(said["reason"], "200 1048576", "{said}");
    let said = ask(&ada, &format!("{base}/large")).await;
    assert!(text(&said, "/reason").contains("1 MiB"), "{said}");
    let said = ask(&ada, &format!("{base}/away")).await;
    assert_eq!(said["reason"], "302 0", "{said}");
    assert!(elsewhere.asked().is_empty(), "nobody was sent there");
    let said = ask(&ada, &format!("{base}/never")).await;
    let told = said.to_string();
    assert!(
        told.contains("in time") || told.contains("500 ms"),
        "{said}"
    );
}

#[tokio::test]
async fn a_name_of_elsewhere_does_not_lead_to_this_machine_and_its_own_name_does() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let server = SlowServer::taking(Duration::ZERO).await;
    let port = server.address.rsplit(':').next().expect("a port");
    let (plain, rebound) = (
        format!("localhost:{port}"),
        format!("rebound.localhost:{port}"),
    );
    caller(&ada, &[&server.address, &plain, &rebound]).await;
    for good in [&server.address, &plain] {
        let said = ask(&ada, &format!("http://{good}/")).await;
        assert_eq!(said["reason"], "200 2", "{good}: {said}");
    }
    let before = server.asked().len();
    let said = ask(&ada, &format!("http://{rebound}/")).await;
    assert!(!text(&said, "/reason").starts_with("200"), "{said}");
    assert_eq!(server.asked().len(), before, "it was never asked");
}

#[tokio::test]
async fn a_host_that_was_dropped_and_is_wanted_again_is_to_be_confirmed_again() {
    let house = House::start().await;
    let ada = house.set_up().await;
    caller(&ada, &["example.org"]).await;
    let path = format!("{PLUGINS}/caller");
    let shown = ada.get(&path).await.ok(200);
    assert_eq!(shown["plugin"]["hosts"][0]["confirmed"], true);
    for hosts in ["", "\"example.org\""] {
        let change = json!({"manifest": manifest(hosts)});
        ada.patch(&path, change).await.ok(200);
    }
    let shown = ada.get(&path).await.ok(200);
    let expected = json!([{"host": "example.org", "confirmed": false}]);
    assert_eq!(shown["plugin"]["hosts"], expected);
}
