//! The web page as files: revalidated, precompressed, with one fallback for its own addresses.
//! A binary built without the page says so, and then these tests have nothing to look at.

use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};

use crate::support::{Answer, House};

/// The page, or None where it was not built in.
async fn page(house: &House) -> Option<Answer> {
    let answer = house.stranger().get("/").await;
    if answer.status == 503 {
        assert!(answer.text.contains("make web"), "{}", answer.text);
        println!("skipped: the page is not part of this build (make web)");
        return None;
    }
    Some(answer)
}

#[tokio::test]
async fn the_page_answers_at_each_of_its_addresses() {
    let house = House::start().await;
    let Some(page) = page(&house).await else {
        return;
    };
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.header("cache-control"), "no-cache");
    for path in [
        "/setup?token=x",
        "/login",
        "/c/0123456789",
        "/anything/at/all",
    ] {
        assert_eq!(house.stranger().get(path).await.text, page.text, "{path}");
    }
    for path in ["/missing.js", "/assets/missing.css", "/favicon.png.exe"] {
        let answer = house.stranger().get(path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml"] {
        let answer = house.stranger().get(path).await;
        assert!(
            answer.status == 404 || answer.text == page.text,
            "{path}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_page_that_did_not_change_is_not_sent_again() {
    let house = House::start().await;
    let Some(page) = page(&house).await else {
        return;
    };
    let tag = page.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let request = house
        .stranger()
        .request(Method::GET, "/")
        .header(IF_NONE_MATCH, &tag);
    let answer = Answer::of(request).await;
    assert_eq!((answer.status, answer.text.as_str()), (304, ""));
    let request = house
        .stranger()
        .request(Method::GET, "/")
        .header(IF_NONE_MATCH, "\"other\"");
    assert_eq!(Answer::of(request).await.status, 200);
}

#[tokio::test]
async fn files_with_a_hash_in_their_name_are_kept_for_ever() {
    let house = House::start().await;
    let Some(page) = page(&house).await else {
        return;
    };
    let source = page
        .text
        .split('"')
        .find(|text| text.starts_with("/assets/") && text.ends_with(".js"));
    let source = source.expect("the page loads a script of its own");
    let script = house.stranger().get(source).await;
    assert_eq!(script.status, 200);
    assert!(script.header("cache-control").contains("immutable"));
    assert!(script.header("content-type").contains("javascript"));

    for encoding in ["br", "gzip"] {
        let request = house.stranger().request(Method::GET, source);
        let response = request
            .header(ACCEPT_ENCODING, encoding)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.headers()["content-encoding"], encoding);
        assert!(
            response.headers()["vary"]
                .to_str()
                .expect("text")
                .to_lowercase()
                .contains("accept-encoding")
        );
        let bytes = response.bytes().await.expect("a body");
        assert!(bytes.len() < script.text.len(), "{encoding} is smaller");
    }
}

#[tokio::test]
async fn head_is_like_get_without_the_body() {
    let house = House::start().await;
    let Some(page) = page(&house).await else {
        return;
    };
    let answer = Answer::of(house.stranger().request(Method::HEAD, "/")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(answer.header("etag"), page.header("etag"));
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_nothing_inline() {
    let house = House::start().await;
    let Some(page) = page(&house).await else {
        return;
    };
    for outside in [
        "src=\"http",
        "href=\"http",
        "src=\"//",
        "<style",
        "onload=",
        "javascript:",
    ] {
        assert!(!page.text.contains(outside), "{outside} in the page");
    }
    let inline = page
        .text
        .split("<script")
        .skip(1)
        .any(|tag| !tag.split('>').next().unwrap_or("").contains("src="));
    assert!(!inline, "an inline script in the page");
}

#[tokio::test]
async fn the_api_is_described_and_browsable() {
    let house = House::start().await;
    let document = house.stranger().get("/api/v1/openapi.json").await.ok(200);
    assert!(document["paths"].as_object().expect("paths").len() > 10);
    let request = house
        .stranger()
        .request(Method::GET, "/api/docs")
        .header(ACCEPT, "text/html");
    let browser = Answer::of(request).await;
    assert_eq!(browser.status, 200);
    for outside in ["src=\"http", "href=\"http", "src=\"//"] {
        assert!(
            !browser.text.contains(outside),
            "it loads nothing from elsewhere"
        );
    }
}
