//! What the plugins that come with the house answer. Every scenario that stands beside them is asked
//! of the real interpreter, in a process of its own.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::plugins::dry_run;
use crate::support::House;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenarios {
    scenario: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    hook: String,
    #[serde(default)]
    settings: Value,
    #[serde(default)]
    input: Value,
    /// Arguments, or fields of them, that are not there.
    #[serde(default)]
    without: Vec<String>,
    expected: Value,
}

impl Scenario {
    fn body(&self) -> Value {
        let mut input = match self.input.is_null() {
            true => json!({}),
            false => self.input.clone(),
        };
        for place in &self.without {
            match place.split_once('.') {
                Some((argument, field)) => input[argument][field] = Value::Null,
                None => input[place] = Value::Null,
            }
        }
        let mut body = json!({"hook": self.hook, "input": input});
        if !self.settings.is_null() {
            body["settings"] = self.settings.clone();
        }
        body
    }
}

#[tokio::test]
async fn every_scenario_of_every_shipped_plugin_comes_out_as_it_says() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins");
    let mut asked = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of plugins") {
        let path = entry.expect("an entry").path();
        if !path.is_dir() {
            continue;
        }
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let written = std::fs::read_to_string(path.join("scenarios.toml"));
        let written = written.unwrap_or_else(|error| panic!("{name}: {error}"));
        let scenarios: Scenarios =
            toml::from_str(&written).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(scenarios.scenario.len() >= 5, "{name}");
        for scenario in scenarios.scenario {
            let came = dry_run(&ada, &name, scenario.body()).await;
            let expected = scenario.expected.as_object().expect("what is expected");
            let about = format!("{name}: {}: {came}", scenario.name);
            if !expected.contains_key("error") {
                assert!(came["error"].is_null(), "{about}");
            }
            for (field, value) in expected {
                let found = match field.as_str() {
                    "error" => &came["error"]["message"],
                    field => &came[field],
                };
                assert_eq!(found, value, "{about}");
            }
            asked += 1;
        }
    }
    assert!(asked >= 20, "only {asked} scenarios were found");
}
