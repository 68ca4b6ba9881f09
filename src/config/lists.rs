//! Lists in the configuration: in the file as lists, in the environment as one text with commas
//! between. Used by the sections of this folder.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let many = match Texts::deserialize(deserializer)? {
        Texts::One(text) => text.split(',').map(str::to_owned).collect(),
        Texts::Many(texts) => texts,
    };
    let trimmed = many.iter().map(|text| text.trim().to_owned());
    Ok(trimmed.filter(|text| !text.is_empty()).collect())
}

/// Addresses, and networks such as `10.0.0.0/8`.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: &String| {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| text.parse()).map_err(|_| {
            D::Error::custom(format!(
                "{text} is neither an address nor a network such as 10.0.0.0/8"
            ))
        })
    };
    texts(deserializer)?.iter().map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Section {
        #[serde(deserialize_with = "networks")]
        proxies: Vec<IpNet>,
    }

    fn proxies(value: serde_json::Value) -> Result<Vec<String>, serde_json::Error> {
        let section: Section = serde_json::from_value(serde_json::json!({ "proxies": value }))?;
        Ok(section.proxies.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_list_may_be_a_list_or_one_text() {
        let expected = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"];
        let list = serde_json::json!(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
        assert_eq!(proxies(list).unwrap(), expected);
        let text = serde_json::json!(" 127.0.0.1, 10.0.0.0/8,fd00::/8,");
        assert_eq!(proxies(text).unwrap(), expected);
        assert!(proxies(serde_json::json!("")).unwrap().is_empty());
        for wrong in ["proxy.example.org", "10.0.0.0/33", "10.0.0", "*"] {
            let error = proxies(serde_json::json!(wrong)).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
